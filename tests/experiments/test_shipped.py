"""`threefold reconstruct --method`: the models that come with the program."""

import json
from pathlib import Path

import pytest

from experiments import shipped
from experiments.errors import UserError
from experiments.shipped import METHODS, limits_of, shipped_run
from tests.conftest import FaceRuns
from tests.experiments.command_line import assert_one_sentence, threefold


def test_every_family_says_what_it_is_good_for() -> None:
    for method in METHODS:
        limits = limits_of(shipped.WEIGHTS / method)
        assert limits is not None
        assert all(word in limits for word in ("Trained on", "Good for", "Not good for")), method


def test_weights_are_found_beside_the_program_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(shipped.__file__).parent / "weights" == shipped.WEIGHTS
    assert shipped.WEIGHTS.is_absolute()


def test_methods_and_runs_are_told_apart(face_runs: FaceRuns, tmp_path: Path, capsys, monkeypatch) -> None:
    picture, landmarks = face_runs.data / "images" / "000000.jpg", face_runs.data / "landmarks"
    words = (picture, "--landmarks", landmarks, "--texture_size", 32, "--out", tmp_path / "out")
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path / "weights")
    assert_one_sentence(threefold(capsys, "reconstruct", *words), "--method face or clothing or body, or --run RUN")
    both = threefold(capsys, "reconstruct", *words, "--run", face_runs.coarse, "--method", "face")
    assert_one_sentence(both, "--run and --method")
    assert_one_sentence(threefold(capsys, "reconstruct", *words, "--method", "hand"), "'hand' is no method")
    assert_one_sentence(threefold(capsys, "reconstruct", *words, "--method", "face"), "make weights")
    (tmp_path / "limits").write_text("Trained for one step.\nGood for nothing.\n")
    exported = ("--out", tmp_path / "weights" / "face", "--limits", tmp_path / "limits")
    assert threefold(capsys, "export", face_runs.coarse, *exported).status == 0
    answer = threefold(capsys, "reconstruct", *words, "--method", "face")
    assert answer.status == 0, answer
    assert "Good for nothing." in answer.printed
    values = json.loads((tmp_path / "out" / "000000" / "parameters.json").read_text())
    assert values["limits"] == "Trained for one step.\nGood for nothing."
    assert values["run"] == str(tmp_path / "weights" / "face")


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(UserError, match="expected one of face, clothing, body"):
        shipped_run("shoe")


def test_an_installed_program_has_the_models_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from setuptools import Distribution

    root = Path(shipped.__file__).parents[1]
    monkeypatch.chdir(root)
    distribution = Distribution()
    distribution.parse_config_files()
    distribution.include_package_data = False
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    packed = {Path(folder) / name for _, folder, _, names in build.data_files for name in names}  # type: ignore[attr-defined]
    present = {path.relative_to(root) for path in shipped.WEIGHTS.glob("*/*") if path.is_file()}
    assert present
    assert present <= packed
