"""The three methods behind one door: a run is loaded once, then reconstructs and edits."""

import functools
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from experiments.demo.work.telling import Teller
from experiments.errors import UserError
from experiments.shipped import METHODS

MODULES = {"face": "faces", "clothing": "clothing", "body": "bodies"}


class Method(Protocol):
    """What a module of this folder offers; every function raises ValueError with a sentence for a visitor's mistake."""

    def load(self, run: Path) -> Any:
        """What the other two need of a run."""
        ...

    def reconstruct(self, loaded: Any, picture: Path, options: Mapping[str, Any], tell: Teller) -> None:
        """Tells pictures, mesh and sliders of a picture."""
        ...

    def edit(self, loaded: Any, base: Path, worn: Path | None, changes: Mapping[str, float], tell: Teller) -> None:
        """Tells what becomes of the result in `base` when its sliders are moved, or when it wears the texture of
        `worn`."""
        ...


class LoadedRuns:
    """The runs of a working process, each loaded when first asked for.

    runs: method -> folder of a run.
    """

    def __init__(self, runs: Mapping[str, Path]) -> None:
        self.runs = dict(runs)
        self.get = functools.cache(self._load)

    def _load(self, method: str) -> tuple[Method, Any]:
        module = cast(Method, importlib.import_module(f"experiments.demo.work.{MODULES[method]}"))
        return module, module.load(self.runs[method])

    def reconstruct(self, method: str, picture: Path, options: Mapping[str, Any], tell: Teller) -> None:
        module, loaded = self.get(method)
        module.reconstruct(loaded, picture, options, tell)

    def edit(self, method: str, base: Path, worn: Path | None, changes: Mapping[str, float], tell: Teller) -> None:
        module, loaded = self.get(method)
        module.edit(loaded, base, worn, changes, tell)


def runs_of(words: list[str] | None) -> dict[str, Path]:
    """`METHOD=RUN` words: method -> run.

    Raises:
        UserError: a word that is no METHOD=RUN.
    """
    runs = {}
    for word in words or []:
        method, equals, run = word.partition("=")
        if not equals or not run or method not in METHODS:
            raise UserError(
                f"--runs {word} is no METHOD=RUN; write for example face=runs/face-detail, with one of the methods "
                f"{', '.join(METHODS)}"
            )
        runs[method] = Path(run).resolve()
    return runs
