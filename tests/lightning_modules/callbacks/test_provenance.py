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


def test_the_commit_is_unknown_outside_a_checkout(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)
    assert provenance.commit() == "unknown"


def test_entries_of_other_verbs_stay(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    provenance.update_json(path, "fit", {"seed": 3})
    provenance.update_json(path, "fit", {"seconds": 2.0})
    provenance.update_json(path, "test", {"seed": 4})
    assert json.loads(path.read_text()) == {"fit": {"seed": 3, "seconds": 2.0}, "test": {"seed": 4}}
    assert [file.name for file in tmp_path.iterdir()] == ["provenance.json"]
