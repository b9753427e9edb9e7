"""Weights whose file was damaged: torch itself would load other numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.networks.weight_files import read_state_dict, read_weight_file


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save({"a.weight": torch.arange(1000.0), "b": torch.ones(2)}, tmp_path / "net.pth")
    return tmp_path / "net.pth"


def test_sound_weights_come_back(weights: Path) -> None:
    assert torch.equal(read_state_dict(weights)["a.weight"], torch.arange(1000.0))


def test_a_flipped_bit_that_torch_passes_over_is_told(weights: Path) -> None:
    content = weights.read_bytes()
    place = content.index(np.arange(1000, dtype=np.float32)[500:510].tobytes())
    damaged = bytearray(content)
    damaged[place] ^= 1
    weights.write_bytes(damaged)
    assert not torch.equal(torch.load(weights, weights_only=True)["a.weight"], torch.arange(1000.0))
    with pytest.raises(ValueError, match=r"net\.pth is damaged"):
        read_weight_file(weights)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nonsense" * 100])
def test_other_files_are_told(content: bytes, weights: Path) -> None:
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=r"net\.pth is damaged"):
        read_weight_file(weights)


def test_files_before_torch_1_6_are_read(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_state_dict(tmp_path / "old.pth")["a"], torch.ones(2))


def test_other_things_than_tensors_are_told(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}, "epoch": 3}, tmp_path / "run.ckpt")
    assert set(read_state_dict(tmp_path / "run.ckpt", "state_dict")) == {"a"}
    with pytest.raises(ValueError, match="something else than tensors by name"):
        read_state_dict(tmp_path / "run.ckpt")
