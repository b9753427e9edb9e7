"""`threefold demo` as a user starts and stops it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.demo.passwords import VARIABLE
from experiments.demo.serving import is_loopback
from experiments.three_js import three_js
from tests.conftest import FaceRuns
from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.demo.browsing import PATIENCE, Browser


def test_a_terminated_server_leaves_nothing(face_runs: FaceRuns, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    words = ("demo", "--port", "0", "--only", "face", "--runs", f"face={face_runs.coarse}", "--password")
    server = subprocess.Popen(
        [sys.executable, "-m", "experiments.cli", *words, str(tmp_path / "password")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), VARIABLE: "not this one"},
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), line
    port = int(line.split(":")[2].split()[0])
    assert Browser(port).ask("GET", "/").status == 401
    (folder,) = tmp_path.glob("threefold-demo-*")
    workers = children_of(server.pid)
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE) == 143
    assert not folder.exists()
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(process: int) -> list[int]:
    """Empty where the system does not tell."""
    files = Path(f"/proc/{process}/task").glob("*/children")
    return [int(each) for file in files for each in file.read_text().split()]


def test_mistakes_are_sentences(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert_one_sentence(threefold(capsys, "demo", "--port", "70000"), "--port 70000")
    assert_one_sentence(threefold(capsys, "demo", "--only", "noses"), "--only noses", "face, clothing, body")
    assert_one_sentence(threefold(capsys, "demo", "--memory_gb", "0.1"), "--memory_gb 0.1")
    assert_one_sentence(threefold(capsys, "demo", "--at_once", "0"), "--at_once 0")
    assert_one_sentence(threefold(capsys, "demo", "--runs", "face"), "face=runs/face-detail")
    missing = f"face={tmp_path / 'nowhere'}"
    assert_one_sentence(threefold(capsys, "demo", "--only", "face", "--runs", missing), "nowhere does not exist")
    (tmp_path / "short").write_text("abc")
    assert_one_sentence(threefold(capsys, "demo", "--password", tmp_path / "short"), "at least 8")
    assert_one_sentence(threefold(capsys, "demo", "--password", tmp_path / "none"), "is no file")


def test_a_port_that_is_taken_is_told(face_runs: FaceRuns, capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ("--only", "face", "--runs", f"face={face_runs.coarse}", "--port", port)
        assert_one_sentence(threefold(capsys, "demo", *words), f"--port {port}", "another --port")
    assert not list(tmp_path.iterdir())


def test_loopback_is_known() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org", "localhost.example.org")))


def test_the_viewers_library_is_whole() -> None:
    script = three_js()
    assert 500_000 < len(script) < 2_000_000
    assert "$B64GLTF" not in script, "trimesh's own viewer stays out"
    assert script.rstrip().endswith("THREE.GLTFLoader=GLTFLoader;})();")
