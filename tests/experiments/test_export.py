"""`threefold export` on runs of one training step: what comes out is used like the run, and says the same."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from experiments.export.thinning import ranks_that_fit, thinning
from experiments.runs import checkpoint_of, load_module, read_checkpoint, trained_crop_size
from tests.conftest import BodyRuns, FaceRuns
from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.conftest import ClothingRuns

FILES = {"weights.safetensors", "config.yaml", "provenance.json", "limits.txt", "README.md"}


def differences(run: Path, exported: Path) -> float:
    """The largest relative one between the tensors of both."""
    first, second = (load_module(path).state_dict() for path in (run, exported))
    assert second.keys() <= first.keys()
    found = [0.0]
    for name, value in second.items():
        assert value.dtype == first[name].dtype, name
        if value.dtype.is_floating_point and value.numel():
            found.append(float((value - first[name]).norm() / first[name].norm().clamp_min(1e-12)))
        else:
            assert torch.equal(value, first[name]), name
    return max(found)


def test_a_face_run_leaves_out_the_model_that_the_program_makes(
    face_runs: FaceRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "face"
    answer = threefold(capsys, "export", face_runs.detail, "--out", out)
    assert answer.status == 0, answer
    assert {path.name for path in out.iterdir()} == FILES
    assert checkpoint_of(out) == out / "weights.safetensors"
    assert not [name for name in read_checkpoint(checkpoint_of(out))["state_dict"] if "face_model" in name]
    assert differences(face_runs.detail, out) < 1e-3
    assert trained_crop_size(out) == 96
    provenance = json.loads((out / "provenance.json").read_text())
    # the coarse stage that it went on from
    assert provenance["earlier"][0]["fit"]["parameters"] < provenance["fit"]["parameters"]
    assert provenance["export"]["bytes"] == (out / "weights.safetensors").stat().st_size
    picture, landmarks = face_runs.data / "images" / "000000.jpg", face_runs.data / "landmarks"
    words = (picture, "--landmarks", landmarks, "--texture_size", 32, "--out", tmp_path / "out")
    answer = threefold(capsys, "reconstruct", *words, "--run", out)
    assert answer.status == 0, answer
    assert "What to expect of it" in answer.printed
    values = json.loads((tmp_path / "out" / "000000" / "parameters.json").read_text())
    assert values["limits"] == (out / "limits.txt").read_text().strip()


def test_a_program_that_makes_another_face_refuses_the_weights(face_runs: FaceRuns, tmp_path: Path, capsys) -> None:
    from models.networks.half_precision_files import read_half_precision, write_half_precision

    out = tmp_path / "face"
    assert threefold(capsys, "export", face_runs.coarse, "--out", out).status == 0
    content = read_half_precision(out / "weights.safetensors")
    content["face_model"]["probe"][0] += 0.5
    write_half_precision(out / "weights.safetensors", content.pop("state_dict"), content)
    picture = face_runs.data / "images" / "000000.jpg"
    words = (picture, "--landmarks", face_runs.data / "landmarks", "--run", out, "--out", tmp_path / "out")
    assert_one_sentence(threefold(capsys, "reconstruct", *words), "another version of the face model")


def test_an_exported_run_is_tested_with_its_own_configuration(
    body_runs: BodyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: the command would start another one."""
    from experiments.commands import pipeline

    def here(*words: object) -> None:
        assert threefold(capsys, *words, "--trainer.accelerator", "cpu").status == 0

    monkeypatch.setattr(pipeline, "threefold", here)
    out = tmp_path / "body"
    (tmp_path / "limits").write_text("Good for tests.\n")
    words = (body_runs.multiscale, "--out", out, "--data", body_runs.data, "--limits", tmp_path / "limits")
    answer = threefold(capsys, "export", *words)
    assert answer.status == 0, answer
    tested = json.loads((out / "scores.json").read_text())["tests"]
    assert len(tested) == 1
    assert "threefold" in tested[0]["command"]
    assert any(name.startswith("test/") for name in tested[0]["scores"])
    page = (out / "README.md").read_text()
    assert "Good for tests." in page
    assert all(name in page for name in tested[0]["scores"])
    assert yaml.safe_load((out / "config.yaml").read_text())["trainer"] == {
        "max_steps": 60,
        "gradient_clip_val": 1.0,
    } | {"check_val_every_n_epoch": 20}
    # again, without a test: scores of other weights would be none of these
    answer = threefold(capsys, "export", body_runs.multiscale, "--out", out)
    assert answer.status == 0, answer
    assert not (out / "scores.json").exists()
    assert (out / "limits.txt").read_text() == "Good for tests.\n"


def test_clothing_keeps_one_encoder_and_no_critic(clothing_runs: ClothingRuns, tmp_path: Path, capsys) -> None:
    out = tmp_path / "clothing"
    # without thinning, which takes its time
    answer = threefold(capsys, "export", clothing_runs.small, "--out", out, "--largest_mb", 9)
    assert answer.status == 0, answer
    size = (out / "weights.safetensors").stat().st_size
    assert size < 8_300_000
    weights = read_checkpoint(checkpoint_of(out))["state_dict"]
    assert not [name for name in weights if name.startswith(("critic", "prototype"))]
    encoder = "reconstructor.encoder."
    inside = [name for name in weights if name.startswith(encoder)]
    assert inside
    assert all(torch.equal(weights[name], weights["averaged.module." + name.removeprefix(encoder)]) for name in inside)
    model = yaml.safe_load((out / "config.yaml").read_text())["model"]
    assert model["init_args"]["critic"] is None
    assert load_module(out).reconstructor is not None


def test_what_cannot_be_exported_is_said(body_runs: BodyRuns, tmp_path: Path, capsys) -> None:
    run, out = body_runs.multiscale, tmp_path / "out"

    def refused(*words: object, parts: tuple[str, ...]) -> None:
        assert_one_sentence(threefold(capsys, "export", *words), *parts)

    refused(run, "--out", out, "--largest_mb", 0.1, parts=("0.1 MB are the most", "narrower"))
    assert not (out / "weights.safetensors").exists()
    refused(run, run, "--out", out, parts=("one run is exported, 2 were given",))
    refused(tmp_path / "none", "--out", out, parts=("holds no config.yaml",))
    refused(run, "--out", run, parts=("is the folder of a run that was trained",))
    refused(run, "--out", out, "--limits", tmp_path / "none.txt", parts=("none.txt does not exist",))
    assert threefold(capsys, "export", run, "--out", out).status == 0
    refused(run, "--out", out, "--data", tmp_path / "none", parts=("--data", "is no folder"))
    refused(out, "--out", tmp_path / "again", parts=("is exported already",))


def test_an_unfinished_run_is_refused_and_an_unknown_commit_told(body_runs: BodyRuns, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(body_runs.multiscale, run)
    provenance = json.loads((run / "provenance.json").read_text())
    provenance["fit"]["commit"] = "unknown"
    (run / "provenance.json").write_text(json.dumps(provenance))
    answer = threefold(capsys, "export", run, "--out", tmp_path / "out")
    assert answer.status == 0, answer
    assert "trained at commit unknown" in answer.complaint
    provenance["fit"]["finished"] = None
    (run / "provenance.json").write_text(json.dumps(provenance))
    assert_one_sentence(threefold(capsys, "export", run, "--out", tmp_path / "out"), "not trained to its end")


def test_the_largest_matrix_is_thinned_as_little_as_must_be() -> None:
    matrix = torch.randn(400, 400)
    tensors = {"a": torch.randn(40, 100), "b": matrix, "c": matrix.clone(), "d": torch.randn(300)}
    whole = 2 * (4000 + 160000 + 300)
    assert ranks_that_fit(tensors, whole + 60_000) == {}
    (rank,) = ranks_that_fit(tensors, whole + 60_000 - 4000).values()
    assert rank * 800 * 2 <= 320_000 - 4000 < (rank + 1) * 800 * 2
    assert "b (400 x 400) is stored as a product of rank" in thinning({"b": rank}, tensors)
    assert ranks_that_fit(tensors, 10_000) == {}
