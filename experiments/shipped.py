"""The small trained runs that come with the program, one for each family."""

from pathlib import Path

from experiments.errors import UserError

WEIGHTS = Path(__file__).parent / "weights"
METHODS = ("face", "clothing", "body")
LIMITS = "limits.txt"
"""What a run is and is not good for, in its folder."""


def shipped_run(method: str) -> Path:
    """The run's folder of a family; every command that takes a run takes it.

    Raises:
        UserError: there is no such family, or its weights are missing from the installation.
    """
    if method not in METHODS:
        raise UserError(f"{method!r} is no method; expected one of {', '.join(METHODS)}")
    run = WEIGHTS / method
    if not (run / "weights.safetensors").is_file():
        raise UserError(
            f"{run} holds no weights.safetensors; install the program again, or make them with `make weights`"
        )
    return run


def limits_of(run: Path) -> str | None:
    """What a run is and is not good for, as its folder says it; None where it says nothing."""
    path = (run if run.is_dir() else run.parent) / LIMITS
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None
