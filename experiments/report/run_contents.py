"""What a run's folder holds that can be shown: figures, configuration, origin, panels and meshes."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from experiments.comparison import ComparedRun
from experiments.errors import UserError
from experiments.quoted_results import Paper
from models.geometry.files import SUFFIXES

QUOTED_FOR: dict[str, Paper] = {
    "datamodules.articulated.": "articulated",
    "datamodules.cape.": "cape",
    "datamodules.atr.": "atr",
    "datamodules.market_hq.": "market-hq",
    "datamodules.cub.": "cub",
}
"""By the beginning of the data module's name: whose rows belong beside a run."""


class RunContents(NamedTuple):
    """A run to be shown. `folder` is None for what is no folder: a file of `threefold evaluate`, a run in wandb."""

    compared: ComparedRun
    folder: Path | None = None
    config: str = ""
    """config.yaml as it stands; empty when there is none."""
    settings: dict[str, str] = {}  # noqa: RUF012
    """The same by dotted names, such as trainer.max_epochs."""

    @property
    def name(self) -> str:
        return self.compared.name

    @property
    def model_class(self) -> str:
        """Such as lightning_modules.clothing.Clothing; empty when unknown."""
        return self.settings.get("model.class_path", "")

    @property
    def paper(self) -> Paper | None:
        """Whose data these are, by their layout."""
        data = self.settings.get("data.class_path", "")
        return next((paper for start, paper in QUOTED_FOR.items() if data.startswith(start)), None)

    def panels(self) -> list[Path]:
        """Those of the epochs in order, then those of validate and test."""
        if self.folder is None:
            return []
        found = list((self.folder / "panels").glob("*.png"))
        return sorted(found, key=lambda path: (not path.stem.startswith("epoch"), path.stem == "test", path.stem))

    def meshes(self) -> list[Path]:
        if self.folder is None:
            return []
        return sorted(path for path in (self.folder / "meshes").glob("*") if path.suffix.lower() in SUFFIXES)


def contents_of(compared: ComparedRun) -> RunContents:
    """Looks into a run's folder.

    Raises:
        UserError: its config.yaml is damaged.
    """
    folder = Path(compared.name)
    if not folder.is_dir():
        return RunContents(compared)
    path = folder / "config.yaml"
    if not path.is_file():
        return RunContents(compared, folder)
    try:
        text = path.read_text(encoding="utf-8")
        stored = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{path} is no YAML; restore it from another copy of the run, or take it away") from None
    return RunContents(compared, folder, text, flattened(stored))


def flattened(value: Any, name: str = "") -> dict[str, str]:
    """Nested values by dotted names, as text."""
    if isinstance(value, dict) and value:
        parts = [flattened(inner, f"{name}.{key}" if name else str(key)) for key, inner in value.items()]
        return {key: text for part in parts for key, text in part.items()}
    return {name: "none" if value is None else str(value)} if name else {}


def differing_settings(runs: list[RunContents]) -> list[list[str]]:
    """Header and rows of the settings in which the runs differ, besides their own names; empty for a lone run."""
    known = [run for run in runs if run.settings]
    names = dict.fromkeys(name for run in known for name in run.settings if name != "run")
    rows = [[name, *(run.settings.get(name, "—") for run in known)] for name in names]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    return [["setting", *(run.name for run in known)], *rows] if rows else []


def epoch_of(panel: Path) -> str:
    """A panel's name for people: 'epoch 3' of epoch-0003.png, 'test' of test.png."""
    found = re.fullmatch(r"epoch-0*(\d+)", panel.stem)
    return f"epoch {found[1]}" if found else panel.stem
