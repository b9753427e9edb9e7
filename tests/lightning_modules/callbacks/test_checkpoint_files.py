"""Checkpoints on disk: whole or not there."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.callbacks import checkpoint_files
from lightning_modules.callbacks.checkpoint_files import BEFORE_LAST, LAST, CheckpointFiles

CALLS = ("fsync", "link", "replace")


class Fault(Exception):  # noqa: N818
    """As sudden as a kill."""


class FaultySystem:
    """The module `os`, of whose calls one fails."""

    def __init__(self, fails_at: int, error: Exception) -> None:
        self.fails_at, self.error, self.calls = fails_at, error, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in CALLS:
            return found

        def perform(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self.fails_at:
                raise self.error
            return found(*arguments)

        return perform


def save(number: int, folder: Path, name: str = LAST) -> None:
    CheckpointFiles().save_checkpoint({"state_dict": {"weight": torch.full((3,), float(number))}}, folder / name)


def saved(folder: Path, name: str = LAST) -> float:
    return float(CheckpointFiles().load_checkpoint(folder / name)["state_dict"]["weight"][0])


def test_the_checkpoint_before_the_last_is_kept(tmp_path: Path) -> None:
    for number in range(3):
        save(number, tmp_path)
    assert (saved(tmp_path), saved(tmp_path, BEFORE_LAST)) == (2, 1)
    save(7, tmp_path, "best.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEFORE_LAST, "best.ckpt", LAST]


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_stop_at_any_moment_leaves_a_whole_last_checkpoint(moment: int, tmp_path: Path, monkeypatch) -> None:
    save(0, tmp_path)
    save(1, tmp_path)
    monkeypatch.setattr(checkpoint_files, "os", FaultySystem(moment, Fault()))
    with pytest.raises(Fault):
        save(2, tmp_path)
    monkeypatch.undo()
    assert saved(tmp_path) == (2 if moment == 5 else 1)
    assert saved(tmp_path, BEFORE_LAST) in (0, 1)
    save(3, tmp_path)
    save(4, tmp_path)
    assert (saved(tmp_path), saved(tmp_path, BEFORE_LAST)) == (4, 3)


def test_without_hard_links_the_last_one_moves(tmp_path: Path, monkeypatch) -> None:
    save(0, tmp_path)
    monkeypatch.setattr(checkpoint_files, "os", FaultySystem(2, OSError(errno.EPERM, "no links here")))
    save(1, tmp_path)
    assert (saved(tmp_path), saved(tmp_path, BEFORE_LAST)) == (1, 0)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_no_earlier_checkpoint(tiny_disk: Path) -> None:
    save(0, tiny_disk)
    save(1, tiny_disk)
    large = {"state_dict": {"weight": torch.zeros(100_000)}}
    with pytest.raises(OSError, match=LAST) as full:
        CheckpointFiles().save_checkpoint(large, tiny_disk / LAST)
    assert full.value.errno == errno.ENOSPC
    assert (saved(tiny_disk), saved(tiny_disk, BEFORE_LAST)) == (1, 0)
    assert sorted(path.name for path in tiny_disk.iterdir()) == [BEFORE_LAST, LAST], "what it had begun is gone"


def test_a_full_disk_that_is_not_real_either(tmp_path: Path, monkeypatch) -> None:
    save(0, tmp_path)
    monkeypatch.setattr(checkpoint_files, "os", FaultySystem(1, OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match=LAST):
        save(1, tmp_path)
    assert saved(tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == [LAST]


class Malice:
    """Would create a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_code_is_not_loaded_even_when_asked_for(tmp_path: Path) -> None:
    torch.save({"state_dict": Malice(tmp_path / "it-ran")}, tmp_path / LAST)
    with pytest.raises(Exception, match=r"weights_only|Unsupported"):
        CheckpointFiles().load_checkpoint(tmp_path / LAST, weights_only=False)
    assert not (tmp_path / "it-ran").exists()
