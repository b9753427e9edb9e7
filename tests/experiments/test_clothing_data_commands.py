"""`threefold prepare` and `inspect` on clothing: exit status and what is printed."""

from pathlib import Path

import pytest

from tests.datamodules.clothing_trees import (
    write_atr_tree,
    write_cmr_caches,
    write_cub_tree,
    write_market_tree,
    write_official_cub,
)
from tests.experiments.command_line import assert_one_sentence, threefold


def test_prepare_then_inspect(tmp_path: Path, capsys) -> None:
    write_market_tree(tmp_path / "market")
    write_atr_tree(tmp_path / "atr", [f"fash_{number}" for number in range(12)])
    base = write_official_cub(tmp_path / "cub")
    write_cmr_caches(tmp_path / "cub", base, {"train": [1, 2], "testval": [3]})
    more = {"market-hq": (), "atr": ("--copy", "true"), "cub": ("--caches", tmp_path / "cub")}
    for kind, raw, count in (("market-hq", "market", 10), ("atr", "atr", 12), ("cub", "cub", 3)):
        out = tmp_path / "out" / raw
        for _ in range(2):
            done = threefold(capsys, "prepare", kind, "--raw", tmp_path / raw, "--out", out, *more[kind])
            assert done.status == 0, done
            assert f"{count} pictures in {out}, 0 left out; `threefold inspect {kind} --root {out}`" in done.printed
        found = threefold(capsys, "inspect", kind, "--root", out, "--panel", tmp_path / f"{kind}.png")
        assert found.status == 0, found
        assert f"{count} pictures with masks" in found.printed
        assert (tmp_path / f"{kind}.png").is_file()


def test_what_is_left_out_is_said(tmp_path: Path, capsys) -> None:
    base = write_cub_tree(tmp_path / "raw")
    (base / "train/001.Finch/Bird_train_0000_0.40.png").unlink()
    done = threefold(capsys, "prepare", "cub", "--raw", tmp_path / "raw", "--out", tmp_path / "out")
    assert done.status == 0
    assert "5 pictures in" in done.printed
    assert "1 left out" in done.printed
    assert "left out: The picture" in done.complaint
    found = threefold(capsys, "inspect", "cub", "--root", tmp_path / "raw", "--limit", 2)
    assert found.status == 1
    assert "Bird_train_0000.jpg has no mask" in found.printed
    assert "1 problems" in found.printed


@pytest.mark.parametrize("kind", ["atr", "market-hq", "cub"])
def test_mistakes_end_in_one_sentence(kind: str, tmp_path: Path, capsys) -> None:
    for root in (tmp_path / "nowhere", tmp_path):
        answer = threefold(capsys, "prepare", kind, "--raw", root, "--out", tmp_path / "out")
        assert_one_sentence(answer, root, "give the folder")
        assert_one_sentence(threefold(capsys, "inspect", kind, "--root", root), root)
    assert_one_sentence(threefold(capsys, "inspect", kind, "--root", tmp_path, "--limit", 0), "--limit 0")
