"""The page over HTTP: what visitors may see, and what nobody may."""

import base64
import contextlib
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.demo.limits import Limits
from experiments.demo.private_folder import PREFIX, make_private_folder
from experiments.demo.service import Service
from tests.experiments.demo.browsing import PATIENCE, Browser, serving
from tests.experiments.demo.conftest import PICTURE, STAND_IN


def places(service: Service) -> set[Path]:
    """What lies in the private folder; what earlier tests ended may still be on its way out."""
    return set(service.folder.iterdir())


def test_a_picture_becomes_a_result(visitor: Browser, service: Service) -> None:
    job = visitor.reconstruct(PICTURE, method="face").values
    done = visitor.finished(job["key"])
    assert done["state"] == "done"
    assert not list(service.folder.rglob("upload")), "whatever became of it"
    (overlay,) = done["files"]
    assert visitor.ask("GET", "/" + overlay["address"]).content.startswith(b"\x89PNG")
    saved = visitor.ask("GET", f"/{overlay['address']}?save")
    assert saved.headers["content-disposition"] == 'attachment; filename="threefold-face.png"'
    assert [each["key"] for each in visitor.ask("GET", "/state").values["jobs"]] == [job["key"]]


def test_an_example_and_a_change(visitor: Browser) -> None:
    state = visitor.ask("GET", "/state").values
    for method in state["methods"]:
        for example in method["examples"]:
            assert visitor.ask("GET", "/" + example["address"]).headers["content-type"].startswith("image/")
    job = visitor.finished(visitor.reconstruct(method="face", example="face-calm").values["key"])
    changed = visitor.ask("POST", f"/jobs/{job['key']}/changes", json.dumps({"changes": {"yaw": 1000}}))
    assert changed.status == 201
    notes = visitor.finished(changed.values["key"])["notes"]
    assert notes == ['face {"yaw": 60.0}'], "kept within the slider's ends"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"changes": {"nose": 1}}', b'{"changes": {"yaw": "1"}}', b'{"changes": {"yaw": NaN}}',
             b'{"changes": 3}', b"[" * 9000, b'{"worn": "../x"}', b" " * 20000],
)  # fmt: skip
def test_changes_that_cannot_be_are_refused(visitor: Browser, body: bytes) -> None:
    job = visitor.finished(visitor.reconstruct(method="face", example="face-calm").values["key"])
    answer = visitor.ask("POST", f"/jobs/{job['key']}/changes", body)
    assert answer.status in (400, 404)
    assert len(answer.values["error"]) > 20


def test_visitors_wait_their_turn_and_see_nothing_of_each_other(port: int) -> None:
    first, second = Browser(port).open(), Browser(port).open()
    slow = first.reconstruct(PICTURE, method="face", person=20).values["key"]
    first.wait(slow, "running")
    waiting = second.reconstruct(PICTURE, method="face").values
    assert (waiting["state"], waiting["place"]) == ("waiting", 1)
    later = first.reconstruct(PICTURE, method="clothing").values
    assert later["place"] == 2
    for method, address in (("GET", f"/jobs/{slow}"), ("DELETE", f"/jobs/{slow}")):
        assert second.ask(method, address).status == 404
    assert first.ask("DELETE", f"/jobs/{slow}").status == 200
    assert second.finished(waiting["key"])["state"] == "done"
    assert first.finished(slow)["state"] == "cancelled"
    assert first.finished(later["key"])["state"] == "done"
    assert second.ask("GET", f"/jobs/{later['key']}/files/overlay.png").status == 404


def test_one_visitor_cannot_fill_the_line(visitor: Browser) -> None:
    answers = [visitor.reconstruct(PICTURE, method="face", person=20) for _ in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 400]
    assert "waiting" in answers[3].values["error"]


def test_leaving_deletes_everything(visitor: Browser, service: Service) -> None:
    before = places(service)
    visitor.finished(visitor.reconstruct(PICTURE, method="face").values["key"])
    assert len(places(service) - before) == 1
    assert visitor.ask("POST", "/leave").status == 200
    assert not places(service) - before
    assert visitor.ask("GET", "/state").status == 404


def test_silent_visitors_are_forgotten(tmp_path: Path) -> None:
    service = Service({"face": tmp_path}, Limits(kept_seconds=0.4), temporary=tmp_path, program=STAND_IN)
    with serving(service) as port:
        visitor = Browser(port).open()
        visitor.reconstruct(PICTURE, method="face", person=20)
        deadline = time.monotonic() + PATIENCE
        while len(service.visitors) or len(places(service)) > 1:  # the server's number stays
            assert time.monotonic() < deadline
            time.sleep(0.05)
        answer = visitor.ask("GET", "/state")
        assert answer.status == 404
        assert "deleted" in answer.values["error"]


def test_the_folder_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    service = Service({}, Limits(), temporary=tmp_path, program=STAND_IN)
    assert stat.S_IMODE(service.folder.stat().st_mode) == 0o700
    service.close()
    assert not service.folder.exists()


def test_a_killed_servers_folder_is_deleted_by_the_next(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "server.pid").write_bytes(ended.stdout)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "elsewhere")
    kept = make_private_folder(tmp_path)
    assert not left.exists()
    assert (tmp_path / "elsewhere").is_dir()
    assert make_private_folder(tmp_path) != kept
    assert kept.is_dir(), "its server, this process, is alive"


ELSEWHERE = "/etc/passwd"


@pytest.mark.parametrize(
    "address",
    [
        "/../../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
        "/examples/../../../../etc/passwd", "/examples/..%2f..%2fapplication.py", "/examples/%2fetc%2fpasswd",
        "/index.html/../../application.py", "/page.css%00.html", "/C:%5cwindows%5cwin.ini", "/..%5c..%5cetc%5cpasswd",
        "/jobs/../server.pid", "/jobs/KEY/files/..%2fserver.pid", "/jobs/KEY/files/%2fetc%2fpasswd",
        "/jobs/KEY/files/upload", "/jobs/KEY/files/..", "/jobs/..%2fKEY/files/overlay.png", "/server.pid",
    ],
)  # fmt: skip
def test_no_address_reaches_a_file_of_its_choosing(visitor: Browser, address: str) -> None:
    job = visitor.finished(visitor.reconstruct(PICTURE, method="face").values["key"])
    answer = visitor.ask("GET", address.replace("KEY", job["key"]))
    assert answer.status in (400, 404, 405), answer
    assert b"root:" not in answer.content
    assert str(os.getpid()).encode() not in answer.content
    assert answer.values["error"]


@pytest.mark.parametrize(
    "query",
    ["", "method=..", "method=face&example=../../x", "method=face&example=/etc/passwd", "method=face&person=-1",
     "method=face&person=1e9", "method=face&person=%C2%B2", "method=face&resolution=100000", "method=body"],
)  # fmt: skip
def test_words_that_cannot_be_are_refused(visitor: Browser, service: Service, query: str) -> None:
    before = places(service)
    answer = visitor.ask("POST", f"/jobs?{query}", PICTURE)
    assert answer.status in (400, 404)
    assert answer.values["error"]
    assert not places(service) - before, "nothing of it is kept"


def test_an_upload_stops_at_the_bound(visitor: Browser, service: Service) -> None:
    def pieces():
        for _ in range(40):
            yield b"\xff\xd8\xff" + b"x" * 10_000

    before = places(service)
    answer = visitor.ask("POST", "/jobs?method=face", b"x" * 200_001)
    assert answer.status == 400
    assert "larger than" in answer.values["error"]
    for headers in ({}, {"Transfer-Encoding": "chunked"}):  # the second announces pieces and sends none
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the server hangs up on the rest
            assert visitor.ask("POST", "/jobs?method=face", pieces(), **headers).status == 400
    deadline = time.monotonic() + PATIENCE
    while places(service) - before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_other_sites_and_names_are_refused(port: int, visitor: Browser) -> None:
    assert visitor.ask("GET", "/", Host="evil.example").status == 400
    assert visitor.ask("GET", "/", Host=f"localhost:{port}").status == 200
    answer = visitor.ask("POST", "/jobs?method=face", PICTURE, Origin="https://evil.example")
    assert answer.status == 403
    assert visitor.ask("POST", "/leave", Origin=f"http://127.0.0.1:{port}").status == 200
    assert Browser(port).reconstruct(PICTURE, method="face").status == 404, "who has not opened the page"


def test_every_answer_forbids_what_the_page_does_not_need(visitor: Browser) -> None:
    for address in ("/", "/three.js", "/nothing", "/state"):
        headers = visitor.ask("GET", address).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    cookie = Browser(visitor.port).ask("GET", "/").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_the_page_names_no_other_server(visitor: Browser) -> None:
    for name in ("", "page.css", "page.js", "viewer.js", "server.js", "changes.js"):
        content = visitor.ask("GET", f"/{name}").content
        assert b"https://" not in content
        assert b"http://" not in content.replace(b"http://www.w3.org/", b"")


def test_nothing_without_the_password(tmp_path: Path) -> None:
    service = Service({"face": tmp_path}, Limits(), temporary=tmp_path, program=STAND_IN)
    with serving(service, "a long secret ü") as port:
        for given in (None, "", "a long secret", "a long secret ü "):
            visitor = Browser(port)
            if given is not None:
                visitor.headers["Authorization"] = basic(f"anna:{given}")
            for address in ("/", "/three.js", "/state", "/examples/face-calm"):
                assert visitor.ask("GET", address).status == 401
        for broken in ("Basic", "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"nocolon").decode()):
            assert Browser(port, Authorization=broken).ask("GET", "/").status == 401
        assert Browser(port, Authorization=basic("anna:a long secret ü")).ask("GET", "/").status == 200


def basic(words: str) -> str:
    return "Basic " + base64.b64encode(words.encode()).decode()
