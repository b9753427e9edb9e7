"""Grids, random searches and Bayesian searches: what is proposed, and that it is the same every time."""

import random
import statistics
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.trials.bayes import BayesianSearch
from experiments.trials.proposals import number_of_trials, proposal
from experiments.trials.search_space import read_parameter
from experiments.trials.sweep_file import read_sweep
from tests.experiments.trials.sweeps import CONFIG, write_sweep

FIXED = {"config": {"value": str(CONFIG)}}
SPACE = {
    **FIXED,
    "x": {"min": 0.0, "max": 1.0},
    "rate": {"distribution": "log_uniform_values", "min": 1.0e-4, "max": 1.0},
    "layers": {"min": 1, "max": 4},
    "widths": {"values": [[8, 16], [32, 64]]},
}


def test_a_grid_has_every_combination_once(tmp_path: Path) -> None:
    parameters = {**FIXED, "a": {"values": [1, 2]}, "b": {"values": ["x", "y", "z"]}}
    read = read_sweep(write_sweep(tmp_path, parameters=parameters))
    assert number_of_trials(read, None) == 6
    assert number_of_trials(read, 4) == 4
    found = [proposal(read, number, 0) for number in range(6)]
    assert [(each["a"], each["b"]) for each in found] == [(a, b) for a in (1, 2) for b in "xyz"]


def test_a_random_trial_is_the_same_whenever_it_is_asked_for(tmp_path: Path) -> None:
    read = read_sweep(write_sweep(tmp_path, method="random", parameters=SPACE, run_cap=5))
    assert number_of_trials(read, None) == 5
    assert number_of_trials(read, 9) == 5, "the file's cap holds"
    found = [proposal(read, number, 3) for number in range(5)]
    assert proposal(read, 4, 3) == found[4]
    assert len({each["x"] for each in found}) == 5
    assert proposal(read, 0, 4) != found[0]


def test_a_search_needs_an_end(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="add --count N"):
        number_of_trials(read_sweep(write_sweep(tmp_path, method="random")), None)


@pytest.mark.parametrize(
    ("asked", "low", "high", "median"),
    [
        ({"min": 2.0, "max": 4.0}, 2.0, 4.0, 3.0),
        ({"min": 1, "max": 9}, 1, 9, 5),
        ({"distribution": "log_uniform_values", "min": 0.01, "max": 1.0}, 0.01, 1.0, 0.1),
        ({"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.25}, 0.0, 1.0, 0.5),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 100, "q": 1}, 1.0, 100.0, 10.0),
    ],
)
def test_what_is_drawn_follows_its_distribution(asked: dict, low: float, high: float, median: float) -> None:
    parameter, generator = read_parameter("x", asked, "file"), random.Random(0)
    drawn = sorted(parameter.draw(generator) for _ in range(4001))
    assert low <= drawn[0] < drawn[-1] <= high
    assert drawn[2000] == pytest.approx(median, rel=0.1)
    if parameter.step:
        assert all(value / parameter.step == pytest.approx(round(value / parameter.step)) for value in drawn)


def test_probabilities_are_kept() -> None:
    parameter, generator = (
        read_parameter("x", {"values": ["a", "b"], "probabilities": [0.9, 0.1]}, "f"),
        random.Random(0),
    )
    assert 850 < sum(parameter.draw(generator) == "a" for _ in range(1000)) < 950


def searched(folder: Path, path: Path, until: int) -> list[dict]:
    """A search that stops when there are so many trials; a new object each time, as in a new process."""
    search = BayesianSearch(read_sweep(path), folder / "optuna.db", 5)
    while search.proposed() < until:
        number, parameters = search.ask()
        search.tell(number, (parameters["x"] - 0.3) ** 2 + 0.1 * parameters["layers"])
    return [trial.params for trial in search.study.get_trials()]


def test_an_interrupted_bayesian_search_finds_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    path = write_sweep(tmp_path, method="bayes", parameters=SPACE)
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = searched(tmp_path / "whole", path, 13)
    searched(tmp_path / "halves", path, 6)
    assert searched(tmp_path / "halves", path, 13) == whole
    assert len({str(each) for each in whole}) == 13


def test_a_bayesian_search_learns_and_gives_back_listed_values(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = {name: SPACE[name] for name in ("config", "x", "widths")}
    path = write_sweep(tmp_path, method="bayes", parameters=space)
    search = BayesianSearch(read_sweep(path), tmp_path / "optuna.db", 0)
    distances = []
    for _ in range(24):
        number, parameters = search.ask()
        assert parameters["widths"] in ([8, 16], [32, 64])
        assert parameters["config"] == str(CONFIG)
        distances.append(abs(parameters["x"] - 0.3))
        search.tell(number, None if number == 3 else distances[-1])
    assert statistics.median(distances[14:]) < 0.12, "it looks where it was good; by chance the median would be 0.25"
    assert search.interrupted() == {}
    number, parameters = search.ask()
    again = BayesianSearch(read_sweep(path), tmp_path / "optuna.db", 0)
    assert again.interrupted() == {number: parameters}
