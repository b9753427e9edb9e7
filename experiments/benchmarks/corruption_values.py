"""Whatever a loader gives, as named arrays that can be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

Values = dict[str, np.ndarray]


def values_of(loaded: Any) -> Values:
    """Every number and every word inside nested tuples, dictionaries, modules and dataclasses, by its path."""
    return dict(_walk("", loaded))


def _walk(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, torch.Tensor):
        yield name, value.detach().numpy()
    elif isinstance(value, (np.ndarray, np.generic)):
        yield name, np.asarray(value)
    elif isinstance(value, (bool, int, float, str, Path)) or value is None:
        yield name, np.asarray(str(value) if isinstance(value, (Path, str)) or value is None else value)
    elif isinstance(value, Image.Image):
        yield name, np.asarray(value)
    elif isinstance(value, nn.Module):
        tensors = dict(value.named_parameters()) | dict(value.named_buffers())
        for key in sorted(tensors):
            yield f"{name}.{key}", tensors[key].detach().numpy()
    else:
        for key, part in _parts(value):
            yield from _walk(f"{name}.{key}" if name else str(key), part)


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from ((key, value[key]) for key in value)
    elif hasattr(value, "_fields"):
        yield from ((key, getattr(value, key)) for key in value._fields)
    elif is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)
    elif isinstance(value, (set, frozenset)):
        yield from enumerate(sorted(value, key=str))
    else:
        raise TypeError(f"{type(value).__name__} is not known how to compare")
