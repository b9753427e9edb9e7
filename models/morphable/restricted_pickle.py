"""Reads arrays out of a pickle without running anything that the pickle asks for.

A pickle is a program. This reader admits exact names only, and none of them is the real thing: every one stands
for an inert class of this file that records what it is given. Arrays are then made from the recorded bytes by
code of ours.
"""

import io
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy import ndarray
from scipy.sparse import csc_matrix, csr_matrix

LARGEST_MATRIX = 100_000_000
NUMERIC_DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}


class _Dtype:
    def __init__(self, code: str = "f8", *_: Any) -> None:
        self.code = str(code).lstrip("<>|=")
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in (">", b">"):
            self.order = ">"

    def numeric(self) -> np.dtype:
        if self.code not in NUMERIC_DTYPES:
            raise pickle.UnpicklingError(f"an array of type {self.code!r}")
        return np.dtype(self.order + self.code)


class _Array:
    state: tuple = ()

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, tuple) else ()

    def value(self) -> ndarray:
        match self.state:
            case (_, tuple() as shape, _Dtype() as dtype, fortran, str() | bytes() as data):
                raw = data.encode("latin1") if isinstance(data, str) else data
                flat = np.frombuffer(raw, dtype=dtype.numeric())
                return flat.reshape(shape, order="F" if fortran else "C").copy()
        raise pickle.UnpicklingError("an array without numbers")


class _Scalar:
    def __init__(self, dtype: Any = None, data: Any = None) -> None:
        self.dtype, self.data = dtype, data

    def value(self) -> Any:
        if not isinstance(self.dtype, _Dtype) or not isinstance(self.data, str | bytes):
            raise pickle.UnpicklingError("a number without a type")
        raw = self.data.encode("latin1") if isinstance(self.data, str) else self.data
        return np.frombuffer(raw, dtype=self.dtype.numeric())[0]


class _Recorded:
    """An object of which only the attributes are kept (scipy.sparse matrices, chumpy arrays)."""

    def __init__(self, *_: Any) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = {str(key): value for key, value in state.items()} if isinstance(state, dict) else {}


class _ColumnMatrix(_Recorded):
    layout = csc_matrix

    def value(self) -> ndarray:
        parts = {key: plain(self.attributes.get(key)) for key in ("data", "indices", "indptr")}
        shape = self.attributes.get("_shape") or self.attributes.get("shape")
        if not all(isinstance(part, ndarray) for part in parts.values()) or shape is None:
            raise pickle.UnpicklingError("a sparse matrix without its parts")
        if math.prod(int(n) for n in shape) > LARGEST_MATRIX:
            raise pickle.UnpicklingError(f"a sparse matrix of {shape} entries")
        matrix = self.layout((parts["data"], parts["indices"], parts["indptr"]), shape=tuple(int(n) for n in shape))
        matrix.check_format(full_check=True)
        return np.asarray(matrix.todense())


class _RowMatrix(_ColumnMatrix):
    layout = csr_matrix


class _Chumpy(_Recorded):
    """chumpy.ch.Ch holds its numbers in x; chumpy.reordering.Select picks idxs out of a."""

    def value(self) -> ndarray:
        if "x" in self.attributes:
            return np.asarray(plain(self.attributes["x"]))
        if {"a", "idxs"} <= self.attributes.keys():
            picked = np.asarray(plain(self.attributes["a"])).ravel()[np.asarray(plain(self.attributes["idxs"]))]
            shape = self.attributes.get("preferred_shape")
            return picked.reshape(tuple(int(n) for n in shape)) if shape is not None else picked
        raise pickle.UnpicklingError("a chumpy array without numbers")


class _Ignored(_Recorded):
    """Something that is admitted only so that its neighbours can be read; nothing of it is kept."""


def _reconstruct_array(*_: Any) -> _Array:
    return _Array()


def _reconstruct_object(kind: Any = None, *_: Any) -> Any:
    return kind() if isinstance(kind, type) and issubclass(kind, _Recorded) else _Ignored()


def _ignore(*_: Any) -> _Ignored:
    return _Ignored()


def _encode(text: Any = "", *_: Any) -> bytes:
    return text.encode("latin1") if isinstance(text, str) else b""


_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct_array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    **{(f"scipy.sparse.{module}", "csc_matrix"): _ColumnMatrix for module in ("csc", "_csc")},
    **{(f"scipy.sparse.{module}", "csr_matrix"): _RowMatrix for module in ("csr", "_csr")},
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy.reordering", "Select"): _Chumpy,
    ("copy_reg", "_reconstructor"): _reconstruct_object,
    ("copyreg", "_reconstructor"): _reconstruct_object,
    ("__builtin__", "object"): _Recorded,
    ("builtins", "object"): _Recorded,
    ("_codecs", "encode"): _encode,
    # landmark files keep torch tensors beside the arrays wanted from them: passed over unread
    ("torch._utils", "_rebuild_tensor_v2"): _ignore,
    ("torch.storage", "_load_from_bytes"): _ignore,
    ("collections", "OrderedDict"): _ignore,
}


class RestrictedUnpickler(pickle.Unpickler):
    """Admits numpy arrays, scipy.sparse matrices and chumpy arrays, each as an inert stand-in, and nothing else."""

    def find_class(self, module_name: str, global_name: str) -> Callable[..., Any]:
        admitted = _ADMITTED.get((module_name, global_name))
        if admitted is None:
            raise pickle.UnpicklingError(f"{module_name}.{global_name}")
        return admitted

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("a reference to something outside the file")


def plain(value: Any) -> Any:
    """Stand-ins turned into arrays, through dictionaries, lists and tuples.

    Raises:
        pickle.UnpicklingError: when a stand-in holds no numbers.
    """
    if isinstance(value, _Array | _Scalar | _ColumnMatrix | _Chumpy):
        return value.value()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if isinstance(key, str | int)}
    if isinstance(value, list | tuple):
        return type(value)(plain(part) for part in value)
    return value


def read_arrays(path: Path, *wanted: str) -> dict[str, ndarray]:
    """The wanted arrays of a pickled dictionary (.pkl), or of a dictionary that numpy pickled into an .npy file.

    Python 2's pickles are understood. What else the dictionary holds is left alone; arrays that are not there
    are left out.

    Raises:
        ValueError: when the file is no such pickle, or asks for anything beyond arrays (nothing of it is run).
    """
    content = path.read_bytes()
    if content.startswith(b"\x93NUMPY"):
        length = (
            int.from_bytes(content[8:10], "little")
            if content[6:7] == b"\x01"
            else int.from_bytes(content[8:12], "little")
        )
        content = content[(10 if content[6:7] == b"\x01" else 12) + length :]
    try:
        loaded = RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
        if isinstance(loaded, _Array) and loaded.state and isinstance(loaded.state[-1], list):
            # numpy pickles a lone dictionary as an array of one object
            loaded = loaded.state[-1][0] if loaded.state[-1] else {}
        if not isinstance(loaded, dict):
            raise pickle.UnpicklingError("no dictionary")
        return {key: np.asarray(plain(loaded[key])) for key in wanted if key in loaded}
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(
            f"{path} was refused: it asks for {error}, where a dictionary of arrays was expected; "
            "fetch the file again from its publisher."
        ) from error
