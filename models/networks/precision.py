"""Which number format a network computes in."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Precision = Literal["auto", "float32", "bfloat16"]


def network_autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The autocast context of a network's forward pass; everything outside it stays in float32.

    "auto" is bfloat16 where the processor multiplies it natively: on CUDA devices that support it and on x86 processors
    with AVX-512 BF16; float32 elsewhere.
    """
    half = precision == "bfloat16" or (precision == "auto" and _multiplies_bfloat16(device))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=half)


def at_least_float32(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Half precision in float32; float32 and float64 as they are."""
    return x if x.dtype == torch.float64 else x.float()


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and asked is not None and bool(asked())
