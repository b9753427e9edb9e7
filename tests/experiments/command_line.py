"""How the tests speak to the command line: what a user sees of one command."""

from typing import NamedTuple

import pytest

from experiments.cli import main


class Answer(NamedTuple):
    status: int
    printed: str
    complaint: str
    """What went to stderr, without progress bars and the training library's own lines."""


def threefold(capsys: pytest.CaptureFixture[str], *words: object) -> Answer:
    """Runs one command in this process."""
    capsys.readouterr()
    status = 0
    try:
        main([str(word) for word in words])
    except SystemExit as ended:
        status = int(ended.code or 0)
    printed, complaint = capsys.readouterr()
    return Answer(status, printed, complaint)


def assert_one_sentence(answer: Answer, *parts: object) -> None:
    """A mistake of the user's: status 2, one line on stderr, no traceback, and the line says what it must."""
    lines = [line for line in answer.complaint.splitlines() if line.startswith("threefold: ")]
    assert answer.status == 2, answer
    assert len(lines) == 1, answer.complaint
    assert "Traceback" not in answer.complaint
    for part in parts:
        assert str(part) in lines[0], f"{part!r} is not in {lines[0]!r}"
