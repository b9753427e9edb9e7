"""What a checkpoint says about how its module was built."""

import inspect
import warnings
from typing import Any

from lightning.pytorch import LightningModule
from torch import nn

from models.networks.weight_files import read_weight_file

TRAINED = "lightning_modules.trained_networks."
"""Before the name of a function that reads a network from a checkpoint."""


def save_plain_hyperparameters(module: LightningModule) -> None:
    """`save_hyperparameters` for the constructor that calls this, without networks.

    Under the command line the hyper-parameters are the configuration, where a network is its class and arguments: plain
    values that a checkpoint may hold and that build it again. A module built by hand has the networks themselves there;
    they are left out, since a checkpoint must load without running code. A network that came from another run's
    checkpoint is written down as that run wrote it, so that it is built again without the file.
    """
    frame = inspect.currentframe()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is an instance of `nn.Module`.*")  # taken out again below
        module.save_hyperparameters(frame=frame.f_back if frame is not None else None)
    for name in [name for name, value in module.hparams.items() if isinstance(value, nn.Module)]:
        del module.hparams[name]
    for name, value in module.hparams.items():
        module.hparams[name] = _without_files(value)


def _without_files(value: Any) -> Any:
    if not isinstance(value, dict):
        return [_without_files(item) for item in value] if isinstance(value, list) else value
    if str(value.get("class_path", "")).startswith(TRAINED):
        path = value["init_args"]["checkpoint"]
        return read_weight_file(path)["hyper_parameters"]["network"]
    return {name: _without_files(item) for name, item in value.items()}
