"""Test samples drawn anew from a run's checkpoint and data."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageChops

from experiments.compared_runs import read_run
from experiments.report.case_pictures import NotDrawnError, case_panels, every_index
from experiments.report.run_contents import RunContents, contents_of
from tests.conftest import ClothingData
from tests.experiments.command_line import threefold
from tests.experiments.conftest import ClothingRuns


@pytest.fixture
def tested(clothing_runs: ClothingRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RunContents:
    """A run of its own that was tested."""
    run = tmp_path / "clothing"
    shutil.copytree(clothing_runs.small, run)
    quiet = ("--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu")
    assert threefold(capsys, "test", "--run", run, *quiet).status == 0
    return contents_of(read_run(str(run)))


def test_the_drawn_panel_is_that_of_the_test(tested: RunContents, clothing_data: ClothingData, tmp_path: Path) -> None:
    """test.png holds the rows of the first batch; the data may have moved, and must be the same."""
    indices = every_index(tested)
    assert len(indices) >= 2
    moved = tmp_path / "moved"
    shutil.copytree(clothing_data.market_hq, moved)
    drawn = case_panels(tested, indices[:2], moved)
    assert tested.folder is not None
    with Image.open(tested.folder / "panels" / "test.png") as whole:
        height = drawn[indices[0]].height
        for row, index in enumerate(indices[:2]):
            written = whole.crop((0, row * height, whole.width, (row + 1) * height))
            difference = torch.frombuffer(
                bytearray(ImageChops.difference(written, drawn[index]).tobytes()), dtype=torch.uint8
            )
            assert float(difference.float().mean()) < 0.5, "the same sample, but for rounding"
    (next((moved / "hq" / "pytorch" / "query").rglob("*.png"))).unlink()
    with pytest.raises(NotDrawnError, match="not those that the run was tested on"):
        case_panels(tested, indices[:1], moved)
    with pytest.raises(NotDrawnError, match="no longer in"):
        case_panels(tested, indices[:1], tmp_path / "nowhere")


def test_classes_of_others_are_never_built(tested: RunContents) -> None:
    foreign = tested.config.replace("datamodules.market_hq.MarketHqDataModule", "os.system")
    with pytest.raises(NotDrawnError, match=r"os\.system is no class of this project"):
        case_panels(tested._replace(config=foreign), [0], None)
    with pytest.raises(NotDrawnError, match="does not say which data"):
        case_panels(tested._replace(config=""), [0], None)
