"""Several methods side by side: grouping by seed, spread, paired differences, quoted rows, evaluated meshes."""

import json
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.comparison import ComparedRun, methods_of, paired_differences
from experiments.quoted_results import TABLES, Paper
from tests.experiments.test_compare import write_run


def body_run(folder: Path, p2s: float, seed: int) -> Path:
    figures = {"test/p2s_vertices_cm": p2s, "test/chamfer_l2_dm2": p2s / 40, "test/iou_volume": 1 - p2s / 4}
    return write_run(folder, figures, seed)


def write_evaluation(path: Path) -> Path:
    stored = {
        "protocol": "body",
        "summary": {"p2s_vertices_cm": 3.5, "chamfer_l2_dm2": 0.25, "iou_volume": 0.36, "failures": 0.0},
        "settings": {"seed": 0},
        "origin": {"commit": "abc"},
    }
    path.write_text(json.dumps(stored))
    return path


@pytest.mark.parametrize(
    ("name", "method", "seed"),
    [
        ("runs/pifu-0", "pifu", 0),
        ("runs/pifu-seed12", "pifu", 12),
        ("runs/multi_scale_s3", "multi_scale", 3),
        ("runs/pifu", "pifu", None),
        ("spin.json", "spin", None),
    ],
)
def test_seeds_at_the_ends_of_names(name: str, method: str, seed: int | None) -> None:
    run = ComparedRun(name, {}, {})
    assert methods_of([run], None)[0].name == method
    assert run.seed == seed


def test_runs_of_one_seed_are_methods_of_their_own() -> None:
    runs = [ComparedRun(f"pifu-{size}", {}, {"fit": {"seed": 0}}) for size in (128, 256)]
    assert [method.name for method in methods_of(runs, None)] == ["pifu-128", "pifu-256"]
    assert [method.name for method in methods_of(runs, ["pifu", "pifu"])] == ["pifu"]


def test_the_seed_of_the_provenance_comes_first() -> None:
    assert ComparedRun("runs/pifu-7", {}, {"fit": {"seed": 3}, "fit_note": "x"}).seed == 3


def test_methods_get_means_over_seeds_and_differences_seed_by_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"pifu-0": 1.0, "pifu-1": 2.0, "pifu-2": 3.0, "wide-0": 0.8, "wide-1": 1.7, "wide-2": 2.6}
    runs = [body_run(tmp_path / name, p2s, int(name[-1])) for name, p2s in values.items()]
    main(["compare", *map(str, runs), "--out", str(tmp_path / "table")])
    printed = capsys.readouterr().out
    assert "| metric | pifu | wide |" in printed
    assert "| test/p2s_vertices_cm | 2 ± 1 (3) | 1.7 ± 0.9 (3) |" in printed
    assert "| test/p2s_vertices_cm | -0.3 ± 0.1 (3) [-0.548, -0.0516], below in 3 of 3 |" in printed
    assert "standard deviation" not in printed  # over runs of different methods it means nothing
    record = json.loads((tmp_path / "table" / "table.json").read_text())
    assert record["methods"]["wide"]["metrics"]["test/p2s_vertices_cm"]["mean"] == pytest.approx(1.7)
    assert record["methods"]["wide"]["minus pifu"]["test/p2s_vertices_cm"]["below"] == 3
    assert record["methods"]["pifu"]["runs"] == [str(run) for run in runs[:3]]


def test_only_shared_seeds_are_paired(tmp_path: Path) -> None:
    first = [ComparedRun(f"a-{seed}", {"x": float(seed)}, {}) for seed in (0, 1)]
    other = [ComparedRun(f"b-{seed}", {"x": seed + 0.5}, {}) for seed in (1, 2)]
    a, b = methods_of([*first, *other], None)
    difference = paired_differences(a, b, "x")
    assert difference == {"mean": 0.5, "standard_deviation": None, "runs": 1, "interval": None, "below": 0}


@pytest.mark.parametrize("paper", ["articulated", "cape"])
def test_quoted_rows_stand_beside_ours_and_are_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], paper: Paper
) -> None:
    run, spin = body_run(tmp_path / "multiscale", 0.7, 0), write_evaluation(tmp_path / "spin.json")
    main(["compare", str(run), str(spin), "--out", str(tmp_path / "table"), "--paper", paper])
    printed = capsys.readouterr().out
    assert "| multiscale (ours) | 0.7 | 0.0175 | 0.825 |" in printed
    assert "| spin (ours) | 3.5 | 0.25 | 0.36 |" in printed
    expected = {
        "articulated": "| Li et al. (quoted) | 0.7332 | 0.0194 | 0.8484 |",
        "cape": "| Li et al. (quoted) | 0.9482 | 0.0196 | 0.7829 |",
    }[paper]
    assert expected in printed
    assert "units are our reading" in printed
    record = json.loads((tmp_path / "table" / "table.json").read_text())
    assert record["quoted"]["rows"]["PIFu"]["IoU ↑"] == TABLES[paper].rows["PIFu"][2]
    assert "PIFu" not in record["runs"]  # never among ours


def clothing_run(folder: Path) -> Path:
    return write_run(folder, {"test/ssim": 0.65, "test/mask_iou_cmr": 0.71, "test/fid_stand_in_rotation": 9.9}, 0)


def test_birds_stand_beside_what_was_read_and_empty_cells_stay_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compare", str(clothing_run(tmp_path / "birds")), "--out", str(tmp_path / "table"), "--paper", "cub"])
    printed = capsys.readouterr().out
    assert "| birds (ours) | 0.65 |  |  |  |  |  | 0.71 |" in printed  # a stand-in is no FID
    assert "| CMR, predicted camera (quoted) |  |  |  |  |  |  | 0.703 |" in printed
    record = json.loads((tmp_path / "table" / "table.json").read_text())
    assert record["quoted"]["rows"]["CMR, true camera"]["MaskIoU CMR ↑"] == 0.735
    assert record["quoted"]["rows"]["CMR, true camera"]["SSIM ↑"] is None


@pytest.mark.parametrize("paper", ["atr", "market-hq"])
def test_a_paper_whose_table_was_not_at_hand_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], paper: str
) -> None:
    main(["compare", str(clothing_run(tmp_path / "people")), "--out", str(tmp_path / "table"), "--paper", paper])
    printed = capsys.readouterr().out
    assert "No quoted rows" in printed
    assert "| people (ours) | 0.65 |" in printed
    assert "(quoted)" not in printed


def test_every_quoted_row_fills_its_columns() -> None:
    for table in TABLES.values():
        assert all(len(values) == len(table.columns) for values in table.rows.values())


def test_names_of_methods_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [body_run(tmp_path / name, p2s, seed) for name, p2s, seed in (("x", 1.0, 0), ("y", 2.0, 1), ("z", 4.0, 0))]
    words = ["compare", *map(str, runs), "--out", str(tmp_path / "table"), "--methods"]
    main([*words, "old", "old", "new"])
    assert "| test/p2s_vertices_cm | 1.5 ± 0.71 (2) | 4 |" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main([*words, "old", "new"])
    assert stopped.value.code == 2
    assert "2 names for 3 runs" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "{", "[]", '{"median_mm": 1.0}'])
def test_a_file_without_bodies_is_one_sentence(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(path), "--out", str(tmp_path / "table")])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "table").exists()
