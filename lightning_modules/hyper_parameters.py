"""What a checkpoint says about how its module was built."""

import inspect
import warnings

from lightning.pytorch import LightningModule
from torch import nn


def save_plain_hyperparameters(module: LightningModule) -> None:
    """`save_hyperparameters` for the constructor that calls this, without networks.

    Under the command line the hyper-parameters are the configuration, where a network is its class and arguments: plain
    values that a checkpoint may hold and that build it again. A module built by hand has the networks themselves there;
    they are left out, since a checkpoint must load without running code.
    """
    frame = inspect.currentframe()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is an instance of `nn.Module`.*")  # taken out again below
        module.save_hyperparameters(frame=frame.f_back if frame is not None else None)
    for name in [name for name, value in module.hparams.items() if isinstance(value, nn.Module)]:
        del module.hparams[name]
