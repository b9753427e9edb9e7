"""One reconstruction for all tests of what is done with it."""

from pathlib import Path

import pytest

from tests.conftest import FaceRuns, run


@pytest.fixture(scope="session")
def done(face_runs: FaceRuns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One reconstruction by the detailed run."""
    out = tmp_path_factory.mktemp("out")
    picture = face_runs.data / "images" / "000000.jpg"
    landmarks = face_runs.data / "landmarks"
    run(
        "reconstruct", picture, "--run", face_runs.detail, "--out", out, "--landmarks", landmarks, "--texture_size", 128
    )
    return out / "000000"
