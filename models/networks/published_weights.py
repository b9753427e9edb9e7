"""Published weights from files that the user has: read by name, explained when they do not fit."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.networks.weight_files import read_weight_file

CLASSIFIERS = ("fc.", "classifier.")
"""How the names of weights begin that no trunk uses."""
COUNTER = "num_batches_tracked"
"""Absent from older files, and of no use to a normalisation with a constant momentum."""


def load_published_weights(network: nn.Module, path: Path, what: str) -> None:
    """Copies a published state dict into a network with the same names; a classifier in the file is passed over.

    A first convolution for RGB is widened where the network's takes one channel more.

    Args:
        what: the file that is wanted, in words for the error.

    Raises FileNotFoundError without the file, ValueError when it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there: download {what} and give their path, or write null in its place in the YAML file to "
            "train from nothing."
        )
    try:
        stored = read_weight_file(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as weights: give {what}.") from error
    wanted = {name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}
    if not isinstance(stored, dict) or not wanted.keys() <= stored.keys():
        raise ValueError(f"{path} lacks weights of this network: give {what}.")
    unknown = [n for n in stored if n not in wanted and not n.endswith(COUNTER) and not n.startswith(CLASSIFIERS)]
    stored = {name: stored[name] for name in wanted}
    first = "conv1.weight"
    if wanted[first].shape[1] == stored[first].shape[1] + 1:
        stored[first] = with_mask_channel(stored[first])
    if unknown or any(stored[name].shape != value.shape for name, value in wanted.items()):
        raise ValueError(f"{path} holds the weights of a network of another size: give {what}.")
    network.load_state_dict(stored, strict=False)


def with_mask_channel(weight: Float[Tensor, "o c k k"]) -> Float[Tensor, "o d k k"]:
    """A first convolution that takes a mask after the colours, with the mean of their filters (Zheng et al.)."""
    return torch.cat([weight, weight.mean(1, keepdim=True)], 1)
