"""The three methods behind one door: load a run once, then reconstruct and edit with it."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.demo.work.telling import Teller
from experiments.errors import UserError
from experiments.shipped import METHODS


class LoadedRuns:
    """The runs of a working process, loaded when first asked for.

    runs: method -> folder of a run.
    """

    def __init__(self, runs: Mapping[str, Path]) -> None:
        self.runs = dict(runs)
        self.load = functools.cache(self._load)

    def _load(self, method: str) -> Any:
        run = self.runs[method]
        if method == "face":
            from experiments.reconstruction.faces.explanation import load_networks

            return load_networks(run)
        if method == "clothing":
            from experiments.reconstruction.clothing.explanation import load_clothing_run

            return load_clothing_run(run)
        from experiments.reconstruction.bodies.occupancy import load_body_run

        return load_body_run(run)

    def reconstruct(self, method: str, picture: Path, options: Mapping[str, Any], tell: Teller) -> None:
        """Raises ValueError with a sentence for what cannot be reconstructed."""
        loaded = self.load(method)
        if method == "face":
            from experiments.demo.work import faces

            faces.reconstruct(loaded, self.runs[method], picture, options, tell)
        elif method == "clothing":
            from experiments.demo.work import clothing

            clothing.reconstruct(loaded, picture, options, tell)
        else:
            from experiments.demo.work import bodies

            bodies.reconstruct(loaded, picture, options, tell)

    def edit(
        self,
        method: str,
        base: Path,
        worn: Path | None,
        options: Mapping[str, Any],
        changes: Mapping[str, float],
        tell: Teller,
    ) -> None:
        """As `reconstruct`, of a result in the folder `base` whose sliders were moved."""
        if method == "face":
            from experiments.demo.work import faces

            faces.edit(self.load(method), base, changes, tell)
        elif method == "clothing":
            from experiments.demo.work import clothing

            clothing.edit(base, changes, worn, tell)
        else:
            from experiments.demo.work import bodies

            bodies.edit(self.load(method), base, changes, options, tell)


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
