"""`threefold inspect` on clothing: counts, and every problem by name."""

from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.clothing_inspection import ClothingInspection, inspect_clothing
from datamodules.foreground_index import Coverage, read_index, write_index
from datamodules.market_hq import CLEAN_RATIO, IMAGE_SIZE, TRAIN_RATIO, market_hq_layout
from tests.datamodules.clothing_trees import saved, silhouette, write_market_tree, write_truths


def inspected(root: Path, panel: Path | None = None, limit: int | None = None) -> ClothingInspection:
    layout = market_hq_layout(root)
    return inspect_clothing(
        layout, IMAGE_SIZE, train_ratio=TRAIN_RATIO, clean_ratio=CLEAN_RATIO, limit=limit, panel=panel
    )


def test_a_whole_data_set_has_no_problems(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path)
    write_truths(hq, [Path(record.name).name for record in market_hq_layout(hq).records])
    found = inspected(tmp_path, tmp_path / "panel.png")
    assert found.problems == ()
    assert found.splits == {"train": 6, "val": 2, "test": 2}
    assert (found.pictures, found.usable, found.clean, found.truths, found.indexed) == (10, 10, 10, 10, 0)
    assert "masks cover 0.40 of their pictures" in found.report()
    assert not (hq / "foreground.csv").exists()  # inspection writes nothing into the data
    with Image.open(tmp_path / "panel.png") as panel:
        assert panel.size == (10 * 64, 128)
        assert (np.asarray(panel) == (255, 255, 0)).all(-1).sum() > 10 * 200  # outlines
    assert inspected(tmp_path, limit=3).checked == 3
    assert "read whole: 3 of the pictures" in inspected(tmp_path, limit=3).report()


def test_every_problem_is_named_once(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path, people=7)
    layout = market_hq_layout(tmp_path)
    layout.coverage()
    write_index(layout.index_file, read_index(layout.index_file) | {layout.records[0].name: Coverage(1, 2048)})
    write_truths(hq, [Path(record.name).name for record in layout.records[:-1]])
    files = [(record.picture, record.mask) for record in layout.records]
    files[1][1].unlink()
    files[2][0].unlink()
    files[3][0].write_bytes(b"")
    saved(Image.new("L", (32, 64)), files[4][1])
    saved(Image.new("L", (32, 64), 255), files[5][1])
    files[6][1].write_bytes(b"no mask")
    saved(silhouette((64, 64)), files[7][1])
    for file in files[8]:
        saved(silhouette((64, 64)).convert("RGB"), file)
    (hq / "TRUTH" / f"{Path(layout.records[9].name).name}.npz").write_bytes(b"")
    problems = inspected(tmp_path).problems
    for sentence in (
        "covers 0.0005 but it covers 0.3984",
        "jpg.png has no mask",
        ".png has no picture",
        "zero bytes",
        "is empty",
        "covers the whole picture",
        ".png cannot be read",
        "64 x 64 pixels but its picture",
        "stretched by a factor of 2.00",
        ".npz cannot be read",
        "There is no truth file",
    ):
        assert sum(sentence in problem for problem in problems) == 1, sentence
    assert len(problems) == 11, problems


def test_a_broken_index_is_one_problem(tmp_path: Path) -> None:
    hq = write_market_tree(tmp_path)
    (hq / "foreground.csv").write_text("nonsense\n")
    (problem,) = inspected(tmp_path).problems
    assert "foreground.csv does not begin with" in problem
