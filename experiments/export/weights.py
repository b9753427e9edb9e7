"""The weights of a run that its use needs, in half precision."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from experiments.errors import UserError
from experiments.export.thinning import ranks_that_fit, thinning
from experiments.runs import WEIGHTS, checkpoint_of, class_of, load_module, read_checkpoint
from lightning_modules.clothing import Clothing
from lightning_modules.face_checkpoints import leave_out_training_files, probe_of, without_face_model
from lightning_modules.face_coarse import FaceCoarse
from lightning_modules.face_detail import FaceDetail
from models.networks.half_precision_files import write_half_precision

LARGEST_BYTES = 8_000_000
KEPT = ("epoch", "global_step", "pytorch-lightning_version", "hparams_name", "hyper_parameters")
"""Of a checkpoint beside its tensors and what its stage adds; optimizers and loops are training's."""
PROGRAMS_OWN = "models.morphable.procedural_face."
"""Face models of this module are made by the program and need not be stored."""
AVERAGED, ENCODER = "averaged.module.", "reconstructor.encoder."


def write_weights(run: Path, path: Path, largest_bytes: int = LARGEST_BYTES) -> str | None:
    """Writes what a run's use needs to a safetensors file; gives a remark when a layer was thinned to fit.

    Raises:
        UserError: no checkpoint, weights that are not finite, or larger than `largest_bytes`.
    """
    checkpoint_path = checkpoint_of(run)
    if checkpoint_path.name == WEIGHTS:
        raise UserError(f"{run} is exported already; give the run that `threefold fit` wrote")
    checkpoint = read_checkpoint(checkpoint_path)
    about = {name: checkpoint[name] for name in KEPT if name in checkpoint}
    tensors = dict(checkpoint["state_dict"])
    trim = trim_of(class_of(checkpoint, checkpoint_path))
    if trim is not None:
        trim(checkpoint, about, tensors, run)
    ranks = ranks_that_fit(tensors, largest_bytes)
    try:
        write_half_precision(path, tensors, about, ranks)
    except ValueError as error:
        raise UserError(f"{checkpoint_path}: {error}") from None
    except TypeError as error:
        raise UserError(
            f"{checkpoint_path}: its hyper-parameters are no plain values ({error}); train the run by `threefold fit`"
        ) from None
    size = path.stat().st_size
    if size > largest_bytes:
        path.unlink()
        raise UserError(
            f"{run} takes {size / 1e6:.2f} MB in half precision, {largest_bytes / 1e6:g} MB are the most; train a "
            "narrower network"
        )
    return thinning(ranks, tensors) if ranks else None


Trim = Callable[[dict[str, Any], dict[str, Any], dict[str, Tensor], Path], None]


def trim_of(trained: type) -> Trim | None:
    """What leaves out, in place, of `about` and `tensors` what only training needs; None where there is nothing."""
    if issubclass(trained, Clothing):
        return trim_clothing
    return trim_faces if issubclass(trained, (FaceCoarse, FaceDetail)) else None


def trim_clothing(checkpoint: dict[str, Any], about: dict[str, Any], tensors: dict[str, Tensor], run: Path) -> None:
    """The encoder in use alone, averaged or not; no critic, no loop over the template."""
    averaged = int(tensors["averaged.n_averaged"]) > 0
    for name in [name for name in tensors if name.startswith(AVERAGED)]:
        encoder = ENCODER + name.removeprefix(AVERAGED)
        used = tensors[name if averaged else encoder]
        tensors[name] = tensors[encoder] = used  # equal ones are stored once
    for name in [name for name in tensors if name.startswith(("critic.", "prototype."))]:
        del tensors[name]
    about["hyper_parameters"] = {**about["hyper_parameters"], "critic": None, "prototype": None}


def trim_faces(checkpoint: dict[str, Any], about: dict[str, Any], tensors: dict[str, Tensor], run: Path) -> None:
    """Without networks that only judged, the files that training began with, and the face model where the program
    makes it: what it must be, a probe says."""
    about["face_model"] = dict(checkpoint["face_model"])
    coarse = "coarse_hyper_parameters" if "coarse_hyper_parameters" in checkpoint else "hyper_parameters"
    stage = {"state_dict": tensors, "hyper_parameters": {**checkpoint[coarse], "initial_checkpoint": None}}
    leave_out_training_files(stage)
    about[coarse] = stage["hyper_parameters"]
    if "coarse_checkpoint" in about["hyper_parameters"]:
        about["hyper_parameters"] = {**about["hyper_parameters"], "coarse_checkpoint": WEIGHTS}
    if str((about[coarse].get("face_model") or {}).get("class_path", "")).startswith(PROGRAMS_OWN):
        module: Any = load_module(run)
        model = (module.coarse if isinstance(module, FaceDetail) else module).face_model
        about["face_model"]["probe"] = [round(value, 4) for value in probe_of(model)]
        for name in tensors.keys() - without_face_model(tensors).keys():
            del tensors[name]
