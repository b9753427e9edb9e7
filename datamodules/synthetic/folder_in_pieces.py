"""Long work that fills a folder piece by piece: on several processes, resumable, and never half done as if whole."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch

SETTINGS_FILE = "dataset.json"
Progress = Callable[[int, int], None]
WritePiece = Callable[[Path, int], None]


def fill_folder(
    out: Path,
    settings: dict[str, Any],
    pieces: Sequence[int],
    write: WritePiece,
    finish: Callable[[Path], None],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Calls `write(folder, piece)` for every piece, then `finish(folder)`, and returns `out`.

    The work is done in a folder beside `out` that takes its place when it is whole. `settings` (JSON) is written as
    dataset.json: an interrupted run with the same settings goes on with the pieces that are missing, with other
    settings it starts again; a finished folder with the same settings is left as it is. write: for several workers
    picklable, called in processes of one thread each; what it leaves must depend on the settings and the piece alone.

    Raises ValueError when `out` already holds something else.
    """
    if _is_there(out, settings):
        if progress is not None:
            progress(len(pieces), len(pieces))
        return out
    partial = out.with_name(f".{out.name}.partial")
    _prepare(partial, settings)
    missing = [piece for piece in pieces if not _marker(partial, piece).exists()]
    done = len(pieces) - len(missing)
    if progress is not None:
        progress(done, len(pieces))
    for _ in _written(partial, missing, write, workers):
        done += 1
        if progress is not None:
            progress(done, len(pieces))
    finish(partial)
    shutil.rmtree(partial / "done")
    if out.exists():
        out.rmdir()  # empty: `_is_there` has looked
    os.replace(partial, out)
    return out


def _is_there(out: Path, settings: dict[str, Any]) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if _settings_of(out) == settings:
        return True
    raise ValueError(f"{out} already holds something else: delete it or choose another folder for the synthetic data.")


def _settings_of(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _prepare(partial: Path, settings: dict[str, Any]) -> None:
    if partial.exists() and _settings_of(partial) != settings:
        shutil.rmtree(partial)
    (partial / "done").mkdir(parents=True, exist_ok=True)
    (partial / SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _marker(partial: Path, piece: int) -> Path:
    return partial / "done" / f"{piece:06d}"


def _written(partial: Path, pieces: Sequence[int], write: WritePiece, workers: int) -> Iterator[None]:
    """Yields whenever a piece is whole."""
    if workers <= 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums depend on the number of threads
        try:
            for piece in pieces:
                yield _write_piece(partial, piece, write)
        finally:
            torch.set_num_threads(threads)
        return
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    with ProcessPoolExecutor(
        min(workers, max(len(pieces), 1)), mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        waiting: set[Future[None]] = {pool.submit(_write_piece, partial, piece, write) for piece in pieces}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def _write_piece(partial: Path, piece: int, write: WritePiece) -> None:
    write(partial, piece)
    _marker(partial, piece).touch()
