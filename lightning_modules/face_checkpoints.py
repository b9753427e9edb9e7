"""What the checkpoints of the face stages leave out and what they insist on.

A checkpoint is enough to use a run, without the files that only its training needed: the network behind a perceptual
loss (whose weights may not be redistributed) and the weights that a backbone started from. A licensed face model is the
exception. It stays out, its files must be there, and they must be the ones that the run was trained with.
"""

from typing import Any

from torch import Tensor

from models.morphable.linear import MorphableModel

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

    Raises:
        ValueError: when a licensed model is not the one that the checkpoint names.
    """
    named = checkpoint.get("face_model")
    if model.licensed and named is not None and named["provenance"] != model.provenance:
        raise ValueError(
            f"The checkpoint was trained with the face model {named['name']} of hash {named['provenance']}, but the "
            f"files given hold {model.name} of hash {model.provenance}: give the files that it was trained with."
        )
