"""Where a run's numbers came from, as pairs of words for people."""

from typing import Any, NamedTuple

from experiments.report.run_contents import RunContents


class Origin(NamedTuple):
    """One verb's work on a run: what it was and what it ran on."""

    verb: str
    facts: list[tuple[str, str]]


def origins_of(run: RunContents) -> list[Origin]:
    """fit, validate, test, … in the order in which they were done first."""
    found = run.compared.provenance
    return [Origin(str(verb), facts_of(entry)) for verb, entry in found.items() if isinstance(entry, dict)]


def facts_of(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """What is known of one verb's work; anything else that stands there is left to the file."""
    data, hardware = _dict(entry.get("data")), _dict(entry.get("hardware"))
    packages, resumes = _dict(entry.get("packages")), entry.get("resumes")
    facts = [
        ("command", entry.get("command")),
        ("commit", entry.get("commit")),
        ("seed", entry.get("seed")),
        ("started", entry.get("started")),
        ("finished", entry.get("finished") or ("not finished" if "started" in entry else None)),
        ("seconds", entry.get("seconds")),
        ("steps", entry.get("steps")),
        ("parameters", _counted(entry.get("parameters"))),
        ("interruptions", len(resumes) if isinstance(resumes, list) and resumes else None),
        ("data", data.get("root")),
        ("files of the data", _files(data)),
        ("SHA-256 of the data", data.get("sha256")),
        ("processor", _hardware(hardware)),
        (
            "graphics",
            ", ".join(map(str, hardware["gpus"])) or "none" if isinstance(hardware.get("gpus"), list) else None,
        ),
        ("system", entry.get("system")),
        ("Python", entry.get("python")),
        ("packages", ", ".join(f"{name} {version}" for name, version in packages.items()) or None),
        ("wandb", entry.get("wandb")),
        ("settings", ", ".join(f"{key} {value}" for key, value in _dict(entry.get("settings")).items()) or None),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _counted(value: Any) -> str | None:
    return f"{value:,}" if isinstance(value, int) else None


def _files(data: dict[str, Any]) -> str | None:
    files, size = data.get("files"), data.get("bytes")
    if not (isinstance(files, int) and isinstance(size, int)):
        return None
    return f"{files:,} files, {size / 2**20:,.1f} MiB; the number below covers {data.get('covers', 'them')}"


def _hardware(hardware: dict[str, Any]) -> str | None:
    if "processor" not in hardware:
        return None
    cores, threads = hardware.get("cores", "?"), hardware.get("torch_threads", "?")
    return f"{hardware['processor']}; cores {cores}, threads of torch {threads}"
