import functools
from pathlib import Path

import pytest

from datamodules.synthetic.folder_in_pieces import SETTINGS_FILE, fill_folder

SETTINGS = {"seed": 1, "list": [1, 2]}


def write(number: int, folder: Path, piece: int) -> None:
    (folder / f"{piece}.txt").write_text(f"{number + piece}")


def finish(folder: Path) -> None:
    (folder / "all.txt").write_text("whole")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}


def test_every_piece_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    job = functools.partial(write, 10)
    out = fill_folder(tmp_path / "out", SETTINGS, range(5), job, finish, progress=lambda *x: told.append(x))
    assert set(contents(out)) == {*(f"{i}.txt" for i in range(5)), "all.txt", SETTINGS_FILE}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert told[-1] == (5, 5)
    assert not (out / "done").exists()


def test_an_interrupted_run_goes_on_and_repeats_no_finished_piece(tmp_path: Path) -> None:
    written: list[int] = []

    def breaking(folder: Path, piece: int) -> None:
        if piece == 3 and 3 not in written:
            written.append(3)
            (folder / "3.txt").write_text("half a pie")
            raise KeyboardInterrupt
        written.append(piece)
        write(0, folder, piece)

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        fill_folder(out, SETTINGS, range(5), breaking, finish)
    assert not out.exists()
    fill_folder(out, SETTINGS, range(5), breaking, finish)
    assert written == [0, 1, 2, 3, 3, 4]
    assert contents(out)["3.txt"] == "3"


def test_other_settings_start_again_and_never_touch_what_is_finished(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill_folder(out, SETTINGS, range(2), functools.partial(write, 0), finish)
    fill_folder(out, SETTINGS, range(2), functools.partial(write, 7), finish)
    assert contents(out)["1.txt"] == "1", "finished: left as it is"
    with pytest.raises(ValueError, match="already holds something else"):
        fill_folder(out, {"seed": 2}, range(2), functools.partial(write, 0), finish)
    half = tmp_path / ".other.partial"
    (half / "done").mkdir(parents=True)
    (half / "done" / "000000").touch()
    (half / "stale.txt").touch()
    other = fill_folder(tmp_path / "other", {"seed": 2}, range(2), functools.partial(write, 0), finish)
    assert "stale.txt" not in contents(other)
    assert "0.txt" in contents(other)
