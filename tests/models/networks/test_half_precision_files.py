"""Weights in half precision: small, exact where they must be, and nothing damaged is taken for a network."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.networks.half_precision_files import (
    LARGEST_ERROR,
    factors,
    first_of_equals,
    halved,
    read_half_precision,
    write_half_precision,
)
from models.networks.weight_files import loadable, read_state_dict, read_weight_file

ABOUT = {"hyper_parameters": {"width": 3, "names": ["a", None]}, "epoch": 4}


def written(
    path: Path, tensors: dict[str, torch.Tensor], ranks: dict[str, int] | None = None
) -> dict[str, torch.Tensor]:
    write_half_precision(path, tensors, ABOUT, ranks)
    content = read_weight_file(path)
    assert {name: content[name] for name in ABOUT} == ABOUT
    return content["state_dict"]


def test_values_come_back_in_single_precision_and_take_half_the_space(tmp_path: Path) -> None:
    tensors = {"layer.weight": torch.randn(200, 300), "layer.bias": torch.randn(200)}
    found = written(tmp_path / "w.safetensors", tensors)
    assert (tmp_path / "w.safetensors").stat().st_size < 2 * 60200 + 2000
    for name, value in tensors.items():
        assert found[name].dtype == torch.float32
        assert float((found[name] - value).norm() / value.norm()) < 5e-4


def test_integers_booleans_and_double_precision_stay_exact(tmp_path: Path) -> None:
    tensors = {
        "count": torch.tensor(70001),
        "faces": torch.tensor([[1, 2, 123457]]),
        "valid": torch.tensor([True, False]),
        "step": torch.tensor(0.1, dtype=torch.float64),
        "empty": torch.zeros(0, 3),
    }
    found = written(tmp_path / "w.safetensors", tensors)
    for name, value in tensors.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


@pytest.mark.parametrize("scale", [1e6, 1e-9])
def test_what_half_precision_cannot_hold_keeps_its_own(scale: float, tmp_path: Path) -> None:
    value = scale * torch.randn(50)
    assert halved(value).dtype == torch.float32
    assert torch.equal(written(tmp_path / "w.safetensors", {"wide": value})["wide"], value)
    ordinary = torch.randn(50)
    assert halved(ordinary).dtype == torch.float16
    assert float((halved(ordinary).float() - ordinary).norm()) <= LARGEST_ERROR * float(ordinary.norm())


def test_equal_tensors_are_stored_once_and_come_back_apart(tmp_path: Path) -> None:
    value = torch.randn(100, 100)
    tensors = {"a": value, "b": value.clone(), "c": value.T.contiguous(), "d": value.double()}
    assert first_of_equals(tensors) == {"a": "a", "b": "a", "c": "c", "d": "d"}
    found = written(tmp_path / "w.safetensors", {"a": value, "b": value.clone()})
    assert (tmp_path / "w.safetensors").stat().st_size < 1.2 * 20000
    assert torch.equal(found["a"], found["b"])
    found["a"].zero_()
    assert bool(found["b"].any())


def test_a_matrix_is_stored_as_the_nearest_product_of_its_rank(tmp_path: Path) -> None:
    low = torch.randn(60, 4) @ torch.randn(4, 90)
    noise = 1e-3 * torch.randn(60, 90)
    found = written(tmp_path / "w.safetensors", {"m": low + noise}, {"m": 4})["m"]
    assert float((found - low).norm() / low.norm()) < 3e-3
    assert (tmp_path / "w.safetensors").stat().st_size < 2 * 4 * 150 + 1500
    left, right = factors(low, 4)
    assert (left.shape, right.shape) == ((60, 4), (4, 90))


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"layer\.bias holds values that are not finite"):
            write_half_precision(tmp_path / "w.safetensors", {"layer.bias": torch.tensor([1.0, value])}, {})
    assert not (tmp_path / "w.safetensors").exists()


def test_a_flipped_bit_and_a_cut_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    write_half_precision(path, {"layer.weight": torch.randn(40, 40)}, ABOUT)
    sound = path.read_bytes()
    flipped = bytearray(sound)
    flipped[-100] ^= 1
    for content in (bytes(flipped), sound[:-10], sound[:20], b"no weights"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"net\.safetensors is damaged"):
            read_weight_file(path)


def test_safetensors_of_other_origin_are_tensors_by_name(tmp_path: Path) -> None:
    save_file({"conv.weight": torch.ones(2, 3)}, tmp_path / "net.safetensors")
    assert torch.equal(read_state_dict(tmp_path / "net.safetensors")["conv.weight"], torch.ones(2, 3))
    assert read_half_precision(tmp_path / "net.safetensors").keys() == {"conv.weight"}


def test_torchs_own_reader_takes_what_is_made_loadable(tmp_path: Path) -> None:
    write_half_precision(tmp_path / "w.safetensors", {"a": torch.ones(3)}, ABOUT)
    read = torch.load(loadable(tmp_path / "w.safetensors"), weights_only=True)
    assert torch.equal(read["state_dict"]["a"], torch.ones(3))
    assert loadable(tmp_path / "other.ckpt") == tmp_path / "other.ckpt"
