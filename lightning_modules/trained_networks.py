"""Networks of earlier stages, as a configuration asks for them.

    coarse:
      class_path: lightning_modules.trained_networks.trained_coarse
      init_args: {checkpoint: runs/body-pifuhd-coarse/checkpoints/best.ckpt}

A run that holds such a network is whole without the file: its checkpoint says how the network is built
(`lightning_modules.hyper_parameters`) and holds its weights.
"""

from pathlib import Path
from typing import TypeVar

from torch import nn

from lightning_modules.body_normals import BodyNormals
from lightning_modules.body_occupancy import BodyOccupancy
from models.bodies.features import OccupancyNetwork
from models.bodies.normal_maps import NormalMaps
from models.bodies.pifuhd import PifuHdCoarse
from models.networks.weight_files import loadable, read_weight_file

Kind = TypeVar("Kind", bound=nn.Module)


def trained_network(checkpoint: str) -> OccupancyNetwork:
    """The network of a run of `BodyOccupancy`.

    Raises FileNotFoundError without the file, ValueError when it belongs to another kind of run.
    """
    return _network(checkpoint, BodyOccupancy, OccupancyNetwork, "an occupancy network")


def trained_coarse(checkpoint: str) -> PifuHdCoarse:
    """The coarse level of PIFuHD from a run of `BodyOccupancy`. Raises as `trained_network` does."""
    return _network(checkpoint, BodyOccupancy, PifuHdCoarse, "PIFuHD's coarse level")


def trained_normals(checkpoint: str) -> NormalMaps:
    """The generators of a run of `BodyNormals`. Raises as `trained_network` does."""
    return _network(checkpoint, BodyNormals, NormalMaps, "a network of normal maps")


def _network(checkpoint: str, stage: type[BodyOccupancy] | type[BodyNormals], kind: type[Kind], what: str) -> Kind:
    path = Path(checkpoint)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}: train the earlier stage first or mend the path.")
    named = read_weight_file(path).get("hyper_parameters", {}).get("_class_path")
    if named == f"{stage.__module__}.{stage.__qualname__}":
        network = stage.load_from_checkpoint(loadable(path), map_location="cpu", weights_only=True).network
        if isinstance(network, kind):
            return network
    raise ValueError(f"The checkpoint {path} does not hold {what}: give one of a run that trained it.")
