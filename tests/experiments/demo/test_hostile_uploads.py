"""Every hostile file is refused with a sentence or read as the picture that it is, by the real working process."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.demo.limits import MEGABYTE, Limits
from experiments.demo.service import Service
from tests.conftest import FaceRuns
from tests.experiments.demo.browsing import Browser, serving
from tests.experiments.demo.conftest import PICTURE
from tests.experiments.demo.hostile_uploads import Upload, damaged, hostile_uploads

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of the damage
LIMITS = Limits(upload_bytes=MEGABYTE, upload_pixels=4_000_000, upload_seconds=600, job_seconds=900)
MOST_GROWTH = 150 * MEGABYTE
MOST_OF_A_PROCESS = 1500 * MEGABYTE


class Served(NamedTuple):
    service: Service
    visitor: Browser
    around: Path
    """The folder in which the private one lies, and nothing else may."""


@pytest.fixture(scope="module")
def served(face_runs: FaceRuns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    around = tmp_path_factory.mktemp("around")
    service = Service({"face": face_runs.coarse}, LIMITS, temporary=around)
    with serving(service) as port:
        yield Served(service, Browser(port).open(), around)
    assert not list(around.iterdir()), "nothing is left"


def outcome(upload: Upload, visitor: Browser) -> str:
    """Where it was refused, or `read`; every refusal is one sentence without paths."""
    name = {"Content-Disposition": 'form-data; filename="../../../../etc/cron.d/x"', "Content-Type": "image/svg+xml"}
    try:
        answer = visitor.ask("POST", "/jobs?method=face", upload.content, **name)
    except (BrokenPipeError, ConnectionResetError):
        assert len(upload.content) > LIMITS.upload_bytes, "the server hangs up on nothing else"
        return "door"
    if answer.status != 201:
        assert answer.status == 400
        sentence, where = answer.values["error"], "door"
    else:
        job = visitor.finished(answer.values["key"])
        if job["state"] == "done":
            return "read"
        sentence = job["error"]
        where = "read" if "face" in sentence else "work"
    assert 20 < len(sentence) < 250, sentence
    assert "\n" not in sentence
    assert "/" not in sentence.replace(" / ", ""), sentence
    assert "fault of the program" not in sentence
    return where


def test_hostile_uploads_do_no_harm(served: Served) -> None:
    uploads = hostile_uploads(LIMITS.upload_bytes)
    assert len(uploads) >= 80
    survive(uploads, served)


@pytest.mark.slow
def test_two_hundred_damaged_pictures_do_no_harm(served: Served) -> None:
    survive(list(damaged(200)), served)


def survive(uploads: list[Upload], served: Served) -> None:
    """Every upload meets its fate, and server, memory and files are as they were before."""
    first = served.visitor.reconstruct(PICTURE, method="face").values
    assert served.visitor.finished(first["key"])["state"] == "done"
    before, places = resident(os.getpid()), set(served.around.iterdir())
    expected = {"door": {"door"}, "work": {"work", "door"}, "fine": {"read"}, "any": {"door", "work", "read"}}
    wrong = {}
    for upload in uploads:
        found = outcome(upload, served.visitor)
        if found not in expected[upload.fate]:
            wrong[upload.name] = found
        assert resident(os.getpid()) < before + MOST_GROWTH, upload.name
        assert all(resident(process) < MOST_OF_A_PROCESS for process in children()), upload.name
    assert not wrong
    assert set(served.around.iterdir()) == places
    assert not list(served.service.folder.rglob("upload")), "pictures are kept as pixels only"
    assert served.visitor.ask("GET", "/state").status == 200
    again = served.visitor.reconstruct(PICTURE, method="face").values
    assert served.visitor.finished(again["key"])["state"] == "done"


def resident(process: int) -> int:
    """Bytes of memory that a process holds; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def children() -> list[int]:
    """Working processes of this one."""
    if sys.platform != "linux":
        return []
    return [int(each) for path in Path("/proc/self/task").glob("*/children") for each in path.read_text().split()]
