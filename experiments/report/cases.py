"""The best and the worst of a run's test samples."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from experiments.errors import UserError
from experiments.report.case_pictures import NotDrawnError, case_panels
from experiments.report.panels import columns_of
from experiments.report.pictures import Picture, Room, embedded
from experiments.report.run_contents import RunContents

PREFERRED = ("chamfer_l1_cm", "chamfer_percent", "mask_iou_soft", "landmark_nme_percent")
"""What samples are ranked by: the first of these that a run has."""
HIGHER_IS_BETTER = ("iou", "ssim", "psnr", "fscore", "precision", "recall", "correlation", "gain", "watertight")
TOLD = 4
"""Figures that stand below each case."""


class Case(NamedTuple):
    index: int
    figures: list[tuple[str, str]]
    """Names and values, the one that the samples are ranked by first."""
    picture: Picture | None


class Cases(NamedTuple):
    """`metric` is empty where nothing can be ranked."""

    metric: str
    higher_is_better: bool
    samples: int
    best: list[Case]
    worst: list[Case]
    remarks: list[str]


def ranked_cases(run: RunContents, count: int, by: str | None, data: Path | None, room: Room) -> Cases:
    """The `count` best and worst test samples by a figure, drawn anew from the run's checkpoint and its data.

    Raises:
        UserError: `by` is no figure of the samples.
    """
    samples = {name.removeprefix("test/"): values for name, values in run.compared.samples.items()}
    if not samples:
        return _none("The run holds no scores of single test samples: it was not tested yet, or its method keeps none.")
    if count == 0:
        return _none("Test cases were not asked for: `threefold report --cases 3` shows them.")
    metric = leading_metric(samples, by)
    higher = is_higher_better(metric)
    ordered = sorted(samples[metric], key=lambda index: samples[metric][index], reverse=higher)
    best = ordered[:count]
    worst = [index for index in ordered[::-1][:count] if index not in best]
    remarks = []
    try:
        drawn = case_panels(run, [*best, *worst], data)
    except NotDrawnError as error:
        drawn, remarks = {}, [str(error)]

    def case(index: int) -> Case:
        names = [
            metric,
            *(name for name in PREFERRED + tuple(samples) if name != metric and index in samples.get(name, {})),
        ]
        figures = [(name, f"{samples[name][index]:.4g}") for name in dict.fromkeys(names[: TOLD + 1])]
        if index not in drawn:
            return Case(index, figures, None)
        alt = f"Test sample {index} of {run.name}, {metric} {figures[0][1]}; columns: {columns_of(run) or 'as drawn'}."
        picture = embedded(drawn[index], alt=alt)
        return Case(index, figures, picture if room.take(len(picture.source)) else None)

    return Cases(metric, higher, len(ordered), [case(i) for i in best], [case(i) for i in worst], remarks)


def leading_metric(samples: Mapping[str, Mapping[int, float]], by: str | None) -> str:
    """The figure to rank by: the one asked for, else the first preferred one.

    Raises:
        UserError: there is no such figure.
    """
    if by is None:
        return next((name for name in PREFERRED if name in samples), min(samples))
    name = by.removeprefix("test/")
    if name not in samples:
        raise UserError(f"report: no test sample has {by!r}; --by takes one of {', '.join(sorted(samples))}")
    return name


def is_higher_better(metric: str) -> bool:
    """By its name; errors and distances are better low."""
    return any(part in metric for part in HIGHER_IS_BETTER)


def _none(remark: str) -> Cases:
    return Cases("", False, 0, [], [], [remark])
