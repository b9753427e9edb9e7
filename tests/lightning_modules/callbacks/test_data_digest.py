"""One number for what a run was trained on."""

from pathlib import Path

import pytest

from lightning_modules.callbacks import data_digest
from lightning_modules.callbacks.data_digest import EDGE_BYTES


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        (folder / "images" / f"{number}.bin").write_bytes(bytes([number]) * (3 * EDGE_BYTES))
    (folder / "split.txt").write_text("train")
    return folder


def digest(folder: Path) -> str:
    return data_digest.data_digest(folder)["sha256"]


def test_a_copy_has_the_same_number(data: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(data, tmp_path / "copy")
    found = data_digest.data_digest(tmp_path / "copy")
    assert found["sha256"] == digest(data)
    assert (found["files"], found["bytes"]) == (4, 9 * EDGE_BYTES + 5)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "split.txt").write_text("tes"),
        lambda folder: (folder / "split.txt").write_text("trian"),
        lambda folder: (folder / "images" / "1.bin").rename(folder / "images" / "7.bin"),
        lambda folder: (folder / "images" / "1.bin").unlink(),
        lambda folder: (folder / "images" / "2.bin").write_bytes(bytes(3 * EDGE_BYTES)),
    ],
)
def test_every_change_is_seen(change, data: Path) -> None:
    before = digest(data)
    change(data)
    assert digest(data) != before


def test_hidden_files_and_what_data_modules_write_do_not_count(data: Path) -> None:
    before = digest(data)
    (data / ".cache").mkdir()
    (data / ".cache" / "index").write_text("x")
    (data / "foreground.csv").write_text("name,foreground,pixels\n")
    assert digest(data) == before


def test_of_many_files_some_are_looked_into_and_it_is_said(data: Path, monkeypatch) -> None:
    monkeypatch.setattr(data_digest, "MOST_READ", 2)
    assert "every 2th file" in data_digest.data_digest(data)["covers"]
