"""A service whose working process is a stand-in without networks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.demo.limits import Limits
from experiments.demo.service import Service
from tests.experiments.demo.browsing import Browser, serving

STAND_IN = (str(Path(__file__).parent / "stand_in_worker.py"),)
PICTURE = (Path(__file__).parents[3] / "experiments" / "demo" / "pictures_to_try" / "face-calm.jpg").read_bytes()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    runs = {"face": folder / "face", "clothing": folder / "clothing"}
    made = Service(runs, Limits(upload_bytes=200_000), temporary=folder, program=STAND_IN)
    yield made
    made.close()


@pytest.fixture(scope="module")
def port(service: Service) -> Iterator[int]:
    with serving(service) as port:
        yield port


@pytest.fixture
def visitor(port: int) -> Iterator[Browser]:
    visitor = Browser(port).open()
    yield visitor
    visitor.ask("POST", "/leave")
