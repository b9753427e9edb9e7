"""One reconstruction that a visitor asked for, from the waiting line to its deletion."""

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]
FINISHED = ("done", "failed", "cancelled")
FILES = frozenset({"png", "glb", "zip", "ply"})
"""Suffixes that a visitor can fetch."""


@dataclass(frozen=True)
class File:
    """One file of a result."""

    name: str
    role: str
    """picture, mesh or download."""
    label: str


@dataclass(eq=False)
class Job:
    """What is asked, and how far it is."""

    method: str
    folder: Path
    """For its results alone."""
    upload: Path | None = None
    """The picture as it came; None for a change of another result."""
    base: "Job | None" = None
    """The result that is changed."""
    worn: "Job | None" = None
    """The result whose texture it wears."""
    options: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, float] = field(default_factory=dict)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    began: float = field(default_factory=time.monotonic)

    state: State = "waiting"
    share: float = 0.0
    doing: str = "waiting"
    files: dict[str, File] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sliders: list[dict[str, Any]] = field(default_factory=list)
    wear: bool = False
    error: str | None = None
    cancelled: bool = False
    """Asked for; the work may not have stopped yet."""

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def hear(self, message: dict[str, Any]) -> None:
        """One line of the working process."""
        if "share" in message:
            self.share, self.doing = float(message["share"]), str(message["doing"])
        if "file" in message:
            name = Path(str(message["file"]))
            if name.name == str(name) and name.suffix[1:] in FILES:
                self.files[name.name] = File(name.name, str(message["role"]), str(message["label"]))
        if "note" in message:
            self.notes.append(str(message["note"]))
        if "sliders" in message:
            self.sliders, self.wear = message["sliders"], bool(message["wear"])
        if self.upload is not None and {"done", "refused"} & message.keys():
            self.upload.unlink(missing_ok=True)  # before anybody is told that the work has ended
        if "done" in message:
            self.state, self.share, self.doing = "done", 1.0, "done"
        if "refused" in message:
            self.fail(str(message["refused"]))

    def fail(self, sentence: str) -> None:
        self.state, self.error = "failed", sentence

    def order(self) -> dict[str, Any]:
        """What the working process is told."""
        folders = {
            name: None if job is None else str(job.folder) for name, job in (("base", self.base), ("worn", self.worn))
        }
        upload = None if self.upload is None else str(self.upload)
        asked = {"method": self.method, "options": self.options, "changes": self.changes}
        return {"folder": str(self.folder), "upload": upload, **folders, **asked}

    def view(self, place: int | None) -> dict[str, Any]:
        """What the page is told; `place` in the waiting line from 1."""
        address = f"jobs/{self.key}/files/"
        return {
            "key": self.key,
            "method": self.method,
            "state": self.state,
            "place": place,
            "share": self.share,
            "doing": self.doing,
            "error": self.error,
            "notes": self.notes,
            "sliders": self.sliders,
            "wear": self.wear,
            "base": None if self.base is None else self.base.key,
            "files": [
                {"role": file.role, "label": file.label, "name": file.name, "address": address + file.name}
                for file in list(self.files.values())
            ],
        }
