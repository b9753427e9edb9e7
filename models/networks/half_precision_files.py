"""Trained weights in half precision, as safetensors: small enough to come with the program.

Equal tensors are stored once. A matrix may be stored as the product of two thinner ones. What a checkpoint holds beside
its tensors stands in the file's header, and a hash of all stored values, since the format has none of its own.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

ABOUT = "threefold"
LARGEST_ERROR = 1e-3
"""Of a tensor's norm that rounding to half precision may cost; else the tensor keeps its precision. The rounding alone
costs 2e-4; more is lost of values too large or too small for the format."""
LEFT, RIGHT = ".left", ".right"


def halved(value: Tensor) -> Tensor:
    """In half precision where that does no harm; integers and double precision stay exact."""
    if value.dtype != torch.float32:
        return value
    half = value.half()
    error = (half.float() - value).norm()
    # an overflow is infinite or not a number, neither of which is less
    return half if bool(error <= LARGEST_ERROR * value.norm()) else value


def factors(matrix: Float[Tensor, "m n"], rank: int) -> tuple[Float[Tensor, "m r"], Float[Tensor, "r n"]]:
    """The two thinner matrices whose product is nearest to a matrix, with the singular values shared among them."""
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    root = values[:rank].sqrt()
    return (u[:, :rank] * root).contiguous(), (root[:, None] * v[:rank]).contiguous()


def write_half_precision(
    path: Path, tensors: dict[str, Tensor], about: dict[str, Any], ranks: dict[str, int] | None = None
) -> None:
    """Writes tensors by name, and plain values beside them.

    Args:
        about: what JSON can hold.
        ranks: matrices to store as products, and how thin.

    Raises:
        ValueError: a tensor holds infinite values or none at all (NaN).
        TypeError: `about` holds more than plain values.
    """
    ranks = ranks or {}
    stored: dict[str, Tensor] = {}
    same: dict[str, str] = {}
    for name, first in first_of_equals(tensors).items():
        value = tensors[name].detach().cpu()
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(f"{name} holds values that are not finite: train the run again.")
        if name != first:
            same[name] = first
        elif name in ranks:
            left, right = factors(value, ranks[name])
            stored |= {name + LEFT: halved(left), name + RIGHT: halved(right)}
        else:
            stored[name] = halved(value).clone().contiguous()
    header = {"about": about, "same": same, "products": sorted(ranks), "sha256": digest(stored)}
    save_file(stored, path, {ABOUT: json.dumps(header)})
    path.chmod(0o644)  # safetensors' files are their owner's alone


def first_of_equals(tensors: dict[str, Tensor]) -> dict[str, str]:
    """For every name, in order, the first one whose tensor is the same."""
    known: dict[tuple[Any, ...], str] = {}
    found = {}
    for name in sorted(tensors):
        value = tensors[name].detach().cpu()
        found[name] = known.setdefault((value.dtype, value.shape, hashlib.sha256(raw(value)).digest()), name)
    return found


def read_half_precision(path: Path) -> dict[str, Any]:
    """What was written, in single precision: `about` with the tensors as its `state_dict`; the tensors alone of a
    safetensors file of other origin.

    Raises:
        ValueError: the values differ from their hash. Damaged files end in other errors of safetensors' and json's.
    """
    with safe_open(path, framework="pt") as file:
        header = (file.metadata() or {}).get(ABOUT)
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if header is None:
        return stored
    described = json.loads(header)
    if digest(stored) != described["sha256"]:
        raise ValueError("its values are not those that were written")
    tensors = {name: value.float() if value.dtype == torch.float16 else value for name, value in stored.items()}
    for name in described["products"]:
        tensors[name] = tensors.pop(name + LEFT) @ tensors.pop(name + RIGHT)
    tensors |= {name: tensors[other].clone() for name, other in described["same"].items()}
    return {**described["about"], "state_dict": tensors}


def digest(tensors: dict[str, Tensor]) -> str:
    """Of names and values."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode() + raw(tensors[name]))
    return found.hexdigest()


def raw(value: Tensor) -> bytes:
    return value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
