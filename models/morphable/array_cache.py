"""Arrays that a recipe makes, kept on disk under a hash of the recipe's own source."""

import functools
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy import ndarray


def cached_arrays(
    name: str, recipe: tuple[str, ...], build: Callable[[], dict[str, ndarray]], folder: Path | None = None
) -> tuple[dict[str, ndarray], str]:
    """The arrays of `build()` (float32 and int32) and the hash of the recipe, from `folder` when they are there.

    `folder` defaults to `$THREEFOLD_CACHE`, else `~/.cache/threefold`. The hash covers the name and the source
    of the modules of this package named in `recipe`, so that a changed recipe never meets an old file. A file
    that cannot be read is built anew; a folder that cannot be written to costs time, not the result.
    """
    provenance = hashlib.sha256(f"{name} {_source_hash(recipe)}".encode()).hexdigest()[:16]
    folder = folder or Path(os.environ.get("THREEFOLD_CACHE") or Path.home() / ".cache" / "threefold")
    path = folder / f"{name}_{provenance}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}, provenance
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        pass
    arrays = {key: value.astype(np.float32 if value.dtype.kind == "f" else np.int32) for key, value in build().items()}
    _write(path, arrays)
    return arrays, provenance


@functools.cache
def _source_hash(recipe: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for module in recipe:
        digest.update(module.encode() + (Path(__file__).parent / f"{module}.py").read_bytes())
    return digest.hexdigest()


def _write(path: Path, arrays: dict[str, ndarray]) -> None:
    """Whole or not at all."""
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
        os.replace(partial, path)
    except OSError:
        if partial is not None:
            partial.unlink(missing_ok=True)
