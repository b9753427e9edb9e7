"""A service whose working process is a stand-in without networks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.demo.limits import Limits
from experiments.demo.service import Service
from tests.experiments.demo.browsing import Browser, serving

STAND_IN = (str(Path(__file__).parent / "stand_in_worker.py"),)
PICTURE = (Path(__file__).parents[3] / "experiments" / "demo" / "pictures_to_try" / "face-calm.jpg").read_bytes()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    runs = {"face": tmp_path / "face", "clothing": tmp_path / "clothing"}
    made = Service(runs, Limits(upload_bytes=200_000), temporary=tmp_path, program=STAND_IN)
    yield made
    made.close()


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    with serving(service) as port:
        yield port


@pytest.fixture
def visitor(port: int) -> Browser:
    return Browser(port).open()
