from pathlib import Path

import numpy as np
import pytest

from datamodules.foreground_index import Coverage, complete_index, coverage_of, read_index, write_index

ROWS = {"b, with a comma": Coverage(1, 3), "a": Coverage(0, 7)}


def test_what_is_written_is_read_in_the_order_of_the_names(tmp_path: Path) -> None:
    write_index(tmp_path / "foreground.csv", ROWS)
    assert (tmp_path / "foreground.csv").read_text().splitlines()[1] == "a,0,7"
    assert read_index(tmp_path / "foreground.csv") == ROWS


def test_only_missing_rows_are_counted(tmp_path: Path) -> None:
    path, counted = tmp_path / "foreground.csv", []

    def count(mask: Path) -> Coverage:
        counted.append(mask.name)
        return Coverage(len(counted), 10)

    masks = [("x", Path("x.png")), ("y", Path("y.png"))]
    assert complete_index(path, masks[:1], count) == {"x": Coverage(1, 10)}
    assert complete_index(path, masks, count) == {"x": Coverage(1, 10), "y": Coverage(2, 10)}
    assert complete_index(path, masks[1:], count) == {"y": Coverage(2, 10)}
    assert counted == ["x.png", "y.png"]
    assert set(read_index(path)) == {"x", "y"}


def test_a_folder_that_may_only_be_read_is_counted_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rows = complete_index(tmp_path / "file" / "foreground.csv", [("x", Path("x"))], lambda _: Coverage(1, 2))
    assert rows == {"x": Coverage(1, 2)}


@pytest.mark.parametrize("row", ["a,1", "a,one,2", "a,3,2", "a,-1,2", "a,0,0"])
def test_a_broken_row_is_named(row: str, tmp_path: Path) -> None:
    (tmp_path / "foreground.csv").write_text(f"name,foreground,pixels\n{row}\n")
    with pytest.raises(ValueError, match=rf"Row 2 of .*foreground\.csv reads '{row}'"):
        read_index(tmp_path / "foreground.csv")
    (tmp_path / "foreground.csv").write_text(f"{row}\n")
    with pytest.raises(ValueError, match="does not begin with name,foreground,pixels"):
        read_index(tmp_path / "foreground.csv")


def test_bounds_are_strict_on_two_decimals() -> None:
    bounds = (0.09, 0.49)
    passing = [k for k in range(1000) if Coverage(k, 1000).between(bounds)]
    # 0.095 in binary is a hair above, 0.485 a hair below the half: both round to where '%.2f' puts them
    by_names = [k for k in range(1000) if 0.09 < float(f"{k / 1000:.2f}") < 0.49]
    assert passing == by_names
    assert not Coverage(94, 1000).between(bounds)
    assert Coverage(96, 1000).between(bounds)
    assert Coverage(0, 1000).between(None)


def test_coverage_counts_pixels() -> None:
    assert coverage_of(np.eye(4, 6) > 0) == Coverage(4, 24)
    assert coverage_of(np.eye(4, 6) > 0).ratio == pytest.approx(1 / 6)
