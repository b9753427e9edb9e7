"""`--wandb`: nothing without it, and with it everything in the run's own folder, without an account."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from lightning_modules.callbacks.wandb_run import mode_of, run_id
from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.test_training_command import write_config
from tests.experiments.wandb_records import read_offline

ROOT = Path(__file__).parents[2]
SCULPTED = "tests.experiments.toy_training.SculptedToy"


def commands(folder: Path, *each: tuple[object, ...]) -> None:
    """Several commands of a user without an account, in one process whose home is empty."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    home = folder / "home"
    home.mkdir()
    lists = [[str(word) for word in words] for words in each]
    program = f"from experiments.cli import main\nfor words in {lists!r}:\n    main(words)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "PYTHONPATH": str(ROOT), "HOME": str(home), "XDG_CACHE_HOME": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "wandb sync" in done.stderr
    left = [path for path in home.rglob("*") if path.is_file() and "matplotlib" not in path.parts]
    assert not left, "wandb wrote outside of the run's folder"


def test_a_run_without_an_account(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    config, run = write_config(tmp_path, model__class_path=SCULPTED), tmp_path / "run"
    commands(tmp_path, ("fit", "--config", config, "--wandb", "auto"), ("test", "--run", run))
    seen = read_offline(run)
    assert len(seen.ids) == 1, "training and test are one run"
    assert seen.config["seed_everything"] == 3
    assert seen.config["model"]["class_path"] == SCULPTED
    names = {name.split(".")[0] for row in seen.history for name in row}
    assert {"val/loss", "test/loss", "panel", "test_figures", "test_samples", "epoch", "trainer/global_step"} <= names
    assert any(name.startswith("mesh/ball") for name in names)
    assert [row["val/loss"] for row in seen.history if "val/loss" in row][-1] < 1
    assert any(name.startswith("run-") for name in seen.artifacts), "the model"
    media = {path.suffix for path in run.glob("wandb/*/files/media/**/*") if path.is_file()}
    assert {".png", ".glb", ".json"} <= media


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    modules = ("training", "compare", "sweep", "rank")
    program = f"import sys, {', '.join(f'experiments.commands.{name}' for name in modules)}\n"
    program += "assert not {'wandb', 'optuna'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No account."""
    pytest.importorskip("wandb")
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_RUN_ID", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return monkeypatch


def test_an_account_decides_about_auto(nobody: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert mode_of("auto") == "offline"
    with pytest.raises(MisconfigurationException, match="finds no account"):
        mode_of("online")
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert mode_of("auto") == mode_of("online") == "online"
    nobody.setenv("WANDB_MODE", "offline")
    assert mode_of("auto") == "offline"
    nobody.delenv("WANDB_MODE")
    nobody.setenv("WANDB_BASE_URL", "http://elsewhere:8080")
    assert mode_of("auto") == "offline", "the account is one of another server"
    nobody.setenv("WANDB_API_KEY", "k" * 40)
    assert mode_of("auto") == "online"


def test_a_folder_keeps_its_run(nobody: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = run_id(tmp_path / "a")
    assert run_id(tmp_path / "a") == first != run_id(tmp_path / "b")
    nobody.setenv("WANDB_RUN_ID", "agents")
    assert run_id(tmp_path / "c") == "agents"
    assert run_id(tmp_path / "a") == first


def test_mistakes_are_sentences(nobody: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    config = write_config(tmp_path)
    assert_one_sentence(threefold(capsys, "fit", "--config", config, "--wandb", "online"), "finds no account")
    assert_one_sentence(threefold(capsys, "fit", "--config", config, "--wandb", "sometimes"), "offline", "online")
    nobody.setitem(sys.modules, "wandb", None)
    answer = threefold(capsys, "fit", "--config", config, "--wandb", "auto", "--run", tmp_path / "other")
    assert_one_sentence(answer, "pip install 'threefold[wandb]'")
