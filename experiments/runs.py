"""A run's folder: where its checkpoints are, and how one is read without running anything that it contains."""

import importlib
import pickle
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import LightningModule

from experiments.errors import UserError, one_line
from models.networks.weight_files import SAFETENSORS, loadable, read_weight_file, require_sound_archive

MODULE_PACKAGE = "lightning_modules."
"""A checkpoint may name classes of this package as its own, nothing else."""
WEIGHTS = "weights.safetensors"
"""What `threefold export` writes in the place of checkpoints."""
CLASS_PACKAGES = ("models.", "lightning_modules.", "torch.")
"""Classes that a checkpoint's hyper-parameters may ask to have built."""


def checkpoint_of(run: Path) -> Path:
    """The checkpoint to use from a run's folder: the best one, else the last one, else the newest; of an exported run
    its weights.

    Raises:
        UserError: there is no such folder or it holds no checkpoint. A path to a checkpoint file is returned as it is.
    """
    if run.is_file():
        return run
    if not run.is_dir():
        raise UserError(f"{run} does not exist; give the folder of a run, as written by `threefold fit --run {run}`")
    folder = run / "checkpoints"
    for name in ("best.ckpt", "last.ckpt"):
        if (folder / name).is_file():
            return folder / name
    if (run / WEIGHTS).is_file():
        return run / WEIGHTS
    found = sorted(folder.glob("*.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"{run} holds no checkpoint in {folder.name}/; let `threefold fit --run {run}` finish an epoch")
    return found[-1]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as plain tensors and values; code inside it is never run.

    Raises:
        UserError: the file is missing, truncated, no checkpoint, or contains more than plain values.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; give a checkpoint file or the folder of a run")
    try:
        if path.suffix == SAFETENSORS:
            checkpoint = read_weight_file(path)
        else:
            require_sound_archive(path)
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is damaged or holds more than tensors and plain values, and was not loaded; use a checkpoint that "
            "`threefold fit` wrote"
        ) from error
    except Exception as error:  # damaged files end in RuntimeError, EOFError, IndexError, UnicodeDecodeError and more
        raise UserError(
            f"{path} is damaged or cut short ({path.stat().st_size} bytes); copy it again or use another checkpoint of "
            "the run"
        ) from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(f"{path} holds no training checkpoint; give a file that `threefold fit` wrote")
    return checkpoint


def class_of(checkpoint: dict[str, Any], path: Path) -> type[LightningModule]:
    """The training class that a checkpoint belongs to.

    Raises:
        UserError: it names none, or one outside the project.
    """
    parameters = checkpoint.get("hyper_parameters", {})
    name = parameters.get("_class_path")
    if not isinstance(name, str):
        raise UserError(
            f"{path} does not say which training class wrote it; use a checkpoint that `threefold fit` wrote"
        )
    if not name.startswith(MODULE_PACKAGE):
        raise UserError(f"{path} asks for the class {name}, which is not one of this project's, and was not loaded")
    for inner in class_paths([parameters, checkpoint.get("coarse_hyper_parameters", {})]):
        if not inner.startswith(CLASS_PACKAGES):
            raise UserError(
                f"{path} asks for the class {inner}, which is not one of this project's, and was not loaded"
            )
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute, None)
    if not (isinstance(found, type) and issubclass(found, LightningModule)):
        raise UserError(f"{path} asks for the class {name}, which this version does not have")
    return found


def class_paths(value: Any) -> list[str]:
    """Every `class_path` inside nested hyper-parameters."""
    if isinstance(value, dict):
        own = [value["class_path"]] if isinstance(value.get("class_path"), str) else []
        return own + [name for item in value.values() for name in class_paths(item)]
    if isinstance(value, (list, tuple)):
        return [name for item in value for name in class_paths(item)]
    return []


def load_module(run: Path) -> LightningModule:
    """The trained module of a run (folder or checkpoint file), on the CPU, in evaluation mode.

    Raises:
        UserError: no checkpoint, a damaged one, or one that belongs to no class of this project.
    """
    path = checkpoint_of(run)
    checkpoint = read_checkpoint(path)
    module_class = class_of(checkpoint, path)
    try:
        # a stage that carries another one inside knows how to unpack it
        unpack = getattr(module_class, "load", None)
        module = (
            unpack(path)
            if unpack
            else module_class.load_from_checkpoint(loadable(path), map_location="cpu", weights_only=True)
        )
    except (RuntimeError, TypeError, KeyError) as error:
        raise UserError(
            f"{path} does not fit this version of {module_class.__name__} ({str(error).splitlines()[0]}); train "
            "the run again"
        ) from error
    return module.eval()


def trained_crop_size(run: Path) -> int | None:
    """Side of the pictures that a run was trained on, from its config.yaml; None where there is none."""
    size = data_argument(run, "image_size")
    if isinstance(size, (str, float)):
        raise UserError(f"{run}: its config.yaml says image_size: {size}, which is no number of pixels; correct it")
    return size if isinstance(size, int) else None


def data_argument(run: Path, name: str) -> Any:
    """What a run's config.yaml says about its data; None where it says nothing, or there is none."""
    path = config_of(run)
    if not path.is_file():
        return None
    try:
        stored = yaml.safe_load(path.read_text())
        if not isinstance(stored, dict) or not {"data", "model"} & stored.keys():
            raise UserError(f"{path} is no configuration of a run; restore it from another copy of the run")
        return stored["data"]["init_args"].get(name)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is no YAML ({one_line(str(error))}); restore it from another copy of the run"
        ) from None
    except (KeyError, TypeError, AttributeError):  # no data, or data without arguments
        return None


def config_of(run: Path) -> Path:
    """The config.yaml that belongs to a run's folder, a checkpoint or exported weights."""
    if run.is_dir():
        return run / "config.yaml"
    return (run.parent if run.suffix == SAFETENSORS else run.parent.parent) / "config.yaml"
