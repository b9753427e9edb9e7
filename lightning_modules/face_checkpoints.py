"""What the checkpoints of the face stages leave out and what they insist on.

A checkpoint is enough to use a run, without the files that only its training needed: the network behind a perceptual
loss (whose weights may not be redistributed) and the weights that a backbone started from. A licensed face model is the
exception. It stays out, its files must be there, and they must be the ones that the run was trained with.
"""

from typing import Any

import torch
from torch import Tensor

from models.morphable.linear import MorphableModel

FACE_MODEL = ".face_model."
"""In the names of the arrays of a stage's face model."""
JUDGE = "perceptual"
"""Name of the perceptual loss in a stage's constructor and, with a dot, before its weights."""


def leave_out_training_files(checkpoint: dict[str, Any]) -> None:
    """Takes the perceptual network and the path of a backbone's first weights out of a checkpoint, in place."""
    checkpoint["state_dict"] = without_judge(checkpoint["state_dict"])
    arguments = dict(checkpoint.get("hyper_parameters", {}))
    if JUDGE in arguments:
        arguments[JUDGE] = None
    backbone = arguments.get("backbone")
    if isinstance(backbone, dict) and (backbone.get("init_args") or {}).get("weights") is not None:
        arguments["backbone"] = {**backbone, "init_args": {**backbone["init_args"], "weights": None}}
    checkpoint["hyper_parameters"] = arguments


def without_judge(weights: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """The weights but those of the perceptual network of the stage whose names begin with `prefix`."""
    return {name: value for name, value in weights.items() if not name.startswith(f"{prefix}{JUDGE}.")}


def name_face_model(checkpoint: dict[str, Any], model: MorphableModel) -> None:
    """Notes which face model a run belongs to, in place."""
    checkpoint["face_model"] = {"name": model.name, "provenance": model.provenance}


def require_named_face_model(checkpoint: dict[str, Any], model: MorphableModel) -> None:
    """Of a licensed model a checkpoint holds no arrays, so only its hash tells whether the files are still the same.
    Nor does an exported run of one that the program makes; its probe tells whether it still makes the same.

    Raises:
        ValueError: when the model is not the one that the checkpoint names.
    """
    named = checkpoint.get("face_model")
    if named is not None and "probe" in named and not same_probe(named["probe"], probe_of(model)):
        raise ValueError(
            f"The weights were trained with another version of the face model {named['name']} than this program makes: "
            "use the program's version that they came with, or train the run again."
        )
    if model.licensed and named is not None and named["provenance"] != model.provenance:
        raise ValueError(
            f"The checkpoint was trained with the face model {named['name']} of hash {named['provenance']}, but the "
            f"files given hold {model.name} of hash {model.provenance}: give the files that it was trained with."
        )


def without_face_model(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights but the arrays of a face model that the program makes itself."""
    return {name: value for name, value in weights.items() if FACE_MODEL not in f".{name}"}


def with_face_model(weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights, with the arrays of the module's own face model where they hold none."""
    if any(FACE_MODEL in f".{name}" for name in weights):
        return weights
    return {**{name: value for name, value in own.items() if FACE_MODEL in f".{name}"}, **weights}


@torch.no_grad()
def probe_of(model: MorphableModel) -> list[float]:
    """A number for each mode and the mean that changes when the face model does: where they move some of the vertices,
    in millimetres and grey levels, weighed unequally."""
    vertices = model.landmark_faces[:, 0]
    weights = torch.linspace(0.5, 1.5, 3 * len(vertices)).cos().reshape(-1, 3) / len(vertices)
    parts = [model.mean_mm[vertices][None], model.modes_at(vertices), 255 * model.albedo_basis[:, vertices]]
    return [float(value) for value in torch.cat([(part.cpu() * weights).sum((1, 2)) for part in parts])]


def same_probe(stored: list[float], found: list[float]) -> bool:
    """Up to what another processor's arithmetic changes."""
    return len(stored) == len(found) and bool(torch.allclose(torch.tensor(stored), torch.tensor(found), atol=0.01))
