"""`threefold demo`: a page in the browser, where pictures become meshes."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.demo.limits import MEGABYTE, Limits
from experiments.errors import UserError
from experiments.quiet import silence_the_training_library


def demo(
    *,
    runs: list[str] | None = None,
    only: list[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    password: Path | None = None,
    at_once: int = 1,
    memory_gb: float = 4.0,
    minutes: float = 5.0,
    upload_mb: int = 20,
    kept_minutes: float = 15.0,
) -> None:
    """Serves a page on this computer: choose a method, drop a picture, turn the mesh, change it, download it.
    Pictures stay on this computer, in a folder that only you can read, and are deleted.

    Args:
        runs: METHOD=RUN for each run to use instead of the one that comes with the program, such as
            face=runs/face-detail clothing=runs/clothing body=runs/body-single.
        only: the methods to offer; all when left out.
        host: the address to listen on; others can reach the page only when it is not the default, as with 0.0.0.0.
        port: 0 takes any free one.
        password: file whose first line is the password that the browser asks for, with any user name; or set the
            environment's variable THREEFOLD_DEMO_PASSWORD.
        at_once: how many reconstructions run at a time; the other visitors wait, and see their place.
        memory_gb: how much memory one reconstruction may take.
        minutes: how long one reconstruction may take.
        upload_mb: how large a picture's file may be.
        kept_minutes: how long pictures and results are kept after a visitor was last heard of.
    """
    from experiments.demo.passwords import password_from
    from experiments.demo.work.methods import runs_of
    from experiments.runs import checkpoint_of
    from experiments.shipped import METHODS, limits_of, shipped_run

    refuse_numbers(
        port, {"at_once": at_once, "upload_mb": upload_mb}, {"minutes": minutes, "kept_minutes": kept_minutes}
    )
    if memory_gb < 1:
        raise UserError(f"--memory_gb {memory_gb:g} is too small; the networks alone need about 1")
    known = password_from(password)
    own = runs_of(runs)
    unknown = next((method for method in only or [] if method not in METHODS), None)
    if unknown is not None:
        raise UserError(f"--only {unknown} is no method; choose from {', '.join(METHODS)}")
    used = {method: own.get(method) or shipped_run(method) for method in METHODS if method in (only or METHODS)}
    for run in own.values():
        checkpoint_of(run)
    require_packages()
    from experiments.demo.service import Service
    from experiments.demo.serving import serve

    limits = Limits(
        upload_bytes=upload_mb * MEGABYTE,
        job_seconds=60 * minutes,
        job_memory_bytes=int(1024 * memory_gb) * MEGABYTE,
        kept_seconds=60 * kept_minutes,
    )
    cautions = {method: text for method, run in used.items() if (text := limits_of(run)) is not None}
    serve(Service(used, limits, cautions=cautions, servers=at_once), host, port, known)


def refuse_numbers(port: int, counts: dict[str, int], durations: dict[str, float]) -> None:
    """Raises UserError for numbers that no server can have."""
    if not 0 <= port <= 65535:
        raise UserError(f"--port {port} is not between 0 and 65535; 7860 is the default")
    for name, count in counts.items():
        if count < 1:
            raise UserError(f"--{name} {count} is too small; give 1 or more")
    for name, duration in durations.items():
        if not 0 < duration <= 1440:
            raise UserError(f"--{name} {duration:g} is not between 0 and 1440; give a number of minutes")


def require_packages() -> None:
    """Raises UserError where the page's two libraries are missing."""
    try:
        import starlette
        import uvicorn

        del starlette, uvicorn
    except ModuleNotFoundError as error:
        raise UserError(f"demo: the page needs the package {error.name}; run `pip install 'threefold[demo]'`") from None


def run(verb: str, arguments: Sequence[str]) -> int:
    silence_the_training_library()
    call(demo, arguments, verb=verb)
    return 0
