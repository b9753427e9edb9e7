"""Single test samples drawn anew: the run's own checkpoint looks at its own data once more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentError, ArgumentParser
from lightning import LightningDataModule
from PIL import Image

from datamodules.samples import ClothingSample, ClothingTruthSample
from experiments.errors import UserError, one_line
from experiments.report.run_contents import RunContents
from experiments.runs import class_paths, load_module
from lightning_modules.callbacks.data_digest import data_digest
from lightning_modules.callbacks.panels import stacked

DATA_PACKAGE = "datamodules."
"""Classes of this package alone are built from a run's configuration."""


class NotDrawnError(Exception):
    """Why samples cannot be drawn, in a sentence for the page."""


def case_panels(run: RunContents, indices: Sequence[int], data: Path | None) -> dict[int, Image.Image]:
    """The panels of test samples, by their index in test_samples.csv.

    Args:
        run: with config.yaml, a checkpoint, and the data that it was tested on.
        indices: which samples.
        data: where the data are now; None looks where they were.

    Raises:
        NotDrawnError: something of this is missing, or the data are not those of the test.
    """
    try:
        module = load_module(_folder_of(run))
        if not hasattr(module, "panel"):
            raise NotDrawnError("The cases are not drawn: this method draws no panels.")
        loader = data_module(run, data).test_dataloader()
        places = {index: place for place, index in enumerate(every_index(run))}
        if len(places) != len(loader.dataset):
            raise NotDrawnError(
                f"The cases are not drawn: the test measured {len(places)} samples, the data now hold "
                f"{len(loader.dataset)}."
            )
        return {index: drawn(module, loader, places[index], index) for index in indices}
    except (UserError, ValueError, OSError, ArgumentError) as error:
        raise NotDrawnError(f"The cases are not drawn: {one_line(str(error))}") from error


def _folder_of(run: RunContents) -> Path:
    if run.folder is None:
        raise NotDrawnError("The cases are not drawn: there is no folder of a run with a checkpoint.")
    return run.folder


def every_index(run: RunContents) -> list[int]:
    """The indices of all test samples, in the order in which the loader gives them."""
    return sorted({index for values in run.compared.samples.values() for index in values})


def data_module(run: RunContents, root: Path | None) -> LightningDataModule:
    """As the run's configuration says, loading in this process, from `root` where it is given.

    Raises:
        NotDrawnError: no such data, or other data than those of the test.
    """
    stored = (yaml.safe_load(run.config) or {}).get("data") if run.config else None
    if not isinstance(stored, dict) or not isinstance(stored.get("init_args"), dict):
        raise NotDrawnError("The cases are not drawn: the run's config.yaml does not say which data it was tested on.")
    foreign = [name for name in class_paths(stored) if not name.startswith(DATA_PACKAGE)]
    if foreign:
        raise NotDrawnError(f"The cases are not drawn: {foreign[0]} is no class of this project.")
    arguments = {**stored["init_args"], "workers": 0}
    if root is not None:
        arguments["root"] = str(root)
    place = Path(str(arguments.get("root")))
    if not place.is_dir():
        raise NotDrawnError(
            f"The cases are not drawn: the data are no longer in {place}; `threefold report --data DIR` says where."
        )
    tested = run.compared.provenance.get("test", {}).get("data", {})
    if "sha256" in tested and data_digest(place)["sha256"] != tested["sha256"]:
        raise NotDrawnError(f"The cases are not drawn: the files in {place} are not those that the run was tested on.")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningDataModule, "data")
    parsed = parser.parse_object({"data": {**stored, "init_args": arguments}})
    return parser.instantiate_classes(parsed)["data"]


def drawn(module: Any, loader: Any, place: int, index: int) -> Image.Image:
    """The panel of one sample of the test data."""
    batch = loader.collate_fn([loader.dataset[place]])
    photo = batch.photo if isinstance(batch, ClothingTruthSample) else batch
    if isinstance(photo, ClothingSample) and int(photo.index[0]) != index:
        raise NotDrawnError(f"The cases are not drawn: sample {index} of the test is another picture now.")
    with torch.no_grad():
        return stacked(module.panel(batch))
