"""Where a run came from."""

import json
from pathlib import Path

from lightning_modules.callbacks import provenance


def test_the_origin_names_what_must_stand_beside_a_number() -> None:
    origin = provenance.origin()
    assert origin["command"].startswith("threefold")
    assert origin["packages"]["torch"]
    assert origin["hardware"]["cores"] >= 1
    assert origin["hardware"]["processor"]
    json.dumps(origin)


def test_paths_below_the_working_folder_are_told_from_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["threefold", "test", "--run", f"{tmp_path}/runs/a b", "--data=/elsewhere"])
    assert provenance.command() == "threefold test --run 'runs/a b' --data=/elsewhere"


def test_the_commit_is_unknown_outside_a_checkout(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)
    assert provenance.commit() == "unknown"


def test_an_entry_replaces_its_own_verb_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    provenance.replace_entry(path, "fit", {"loss": 3})
    provenance.replace_entry(path, "test", {"error_with_truth": 1, "loss": 2})
    provenance.replace_entry(path, "test", {"loss": 5})
    expected = {"fit": {"loss": 3}, "test": {"loss": 5}}
    assert json.loads(path.read_text()) == expected, "a number of an earlier test may not look like one of this"
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]
