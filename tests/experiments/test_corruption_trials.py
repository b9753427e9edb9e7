"""The trials of damaged files: what they count, and that loaders of every kind pass a few of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks.corruption_damage import KINDS, Damage, damaged
from experiments.benchmarks.corruption_judgement import FAILURES, outcome_of
from experiments.benchmarks.corruption_loader import Loader
from experiments.benchmarks.corruption_loaders import LOADERS
from experiments.benchmarks.corruption_trials import corruption_trials, trials_of

QUICK = ("market-hq", "faces", "prepare aflw2000", "bfm front, compressed", "mesh obj", "checkpoint", "compare")


@pytest.mark.parametrize("name", QUICK)
def test_loaders_tell_or_read_rightly(name: str) -> None:
    loader = next(loader for loader in LOADERS if loader.name == name)
    row = trials_of(loader, 24, seed=7)
    assert sum(row["outcomes"].values()) == 24
    assert row["failures"] == []
    assert row["outcomes"]["sentence"] > 8


def careless(read) -> Loader:
    def make(root: Path) -> None:
        root.mkdir()
        np.save(root / "numbers.npy", np.arange(100.0))

    return Loader("careless", make, lambda root: read(root / "numbers.npy"))


def test_a_careless_loader_is_found_out() -> None:
    def swallowing(path: Path) -> np.ndarray:
        try:
            return np.load(path)
        except Exception:
            return np.zeros(3)

    assert trials_of(careless(np.load), 40, seed=0)["outcomes"]["crash"] > 10
    row = trials_of(careless(swallowing), 40, seed=0)
    assert row["outcomes"]["silent wrong"] > 10
    assert row["outcomes"]["crash"] == 0
    assert {failure["outcome"] for failure in row["failures"]} <= set(FAILURES)


def test_damage_is_decided_by_its_seed_and_leaves_the_files_alone(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.bin"]
    for path in files:
        path.write_bytes(bytes(range(200)))
    drawn = [damaged(files, np.random.default_rng((0, number))) for number in range(100)]
    assert drawn == [damaged(files, np.random.default_rng((0, number))) for number in range(100)]
    assert {damage.kind for damage in drawn} == set(KINDS)
    assert all(path.read_bytes() == bytes(range(200)) for path in files)
    assert all((damage.content is None) == (damage.kind == "deleted") for damage in drawn)


def test_what_counts_as_what(tmp_path: Path) -> None:
    def judged(kind: str, name: str, before: bytes, content: bytes | None, found: dict, absent: bool = False) -> str:
        damage = Damage(kind, tmp_path / name, before, content)
        return outcome_of(damage, {"x": np.ones(3)}, found, may_be_absent=absent)[0]

    other, broken = {"x": np.array([1.0, 1.0, 2.0])}, {"x": np.array([1.0, np.nan, 1.0])}
    assert judged("bits flipped", "a.npy", b"", b"", {"x": np.ones(3)}) == "harmless"
    assert judged("bits flipped", "a.npy", b"", b"", other) == "changed values"
    assert judged("bits flipped", "a.npy", b"", b"", broken) == "silent wrong"
    assert judged("bits flipped", "a.npy", b"", b"", {"x": np.array([1.0, 1.0, 1e30])}) == "silent wrong"
    assert judged("truncated", "a.npy", b"", b"", other) == "silent wrong"
    assert judged("bits flipped", "a.png", b"", b"no PNG", other) == "silent wrong"
    assert judged("truncated", "a.txt", b"a\nb\n", b"a\n", {}) == "shorter list"
    assert judged("truncated", "a.txt", b"a\nbc\n", b"a\nb", {}) == "silent wrong"
    assert judged("deleted", "a.txt", b"", None, {}) == "silent wrong"
    assert judged("deleted", "a.txt", b"", None, {}, absent=True) == "without the file"


def test_rows_of_other_loaders_stay_in_the_file(tmp_path: Path, capsys) -> None:
    for name in ("checkpoint", "published weights"):
        corruption_trials(tmp_path / "trials.json", loaders=[name], trials=3, seeds=[0])
    record = json.loads((tmp_path / "trials.json").read_text())
    assert set(record["loaders"]) == {"checkpoint", "published weights"}
    assert record["origin"]["commit"]
    assert "sentence" in capsys.readouterr().out
