"""wandb's real client against a stand-in server on loopback: a sweep, its agent's trials, an offline run sent later, a
run read back.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import BODY_CONFIGS
from tests.experiments.test_training_command import write_config
from tests.experiments.test_wandb_offline import SCULPTED
from tests.experiments.wandb_server import ENTITY, PROJECT, SWEEP, WandbServer

pytestmark = pytest.mark.wandb
ROOT = Path(__file__).parents[2]


def client(server: WandbServer, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """One command of a user with an account on the stand-in, in a folder of its own. A client that waits for ever, as
    it does for a server that is gone, is a failure.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    home = folder / "home"
    home.mkdir(exist_ok=True)
    own = {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *(str(word) for word in words)],
        env={**environment, **own, **server.environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def body_sweep(folder: Path, data: Path) -> Path:
    """Two trials of PIFu with one step each; the same file that `threefold sweep` takes."""
    fixed = {
        **{"trainer.max_steps": 1, "trainer.accelerator": "cpu", "trainer.check_val_every_n_epoch": 1},
        **{"trainer.enable_progress_bar": False, "data.init_args.root": str(data), "data.init_args.image_size": 64},
    }
    sweep = {
        "program": "threefold",
        "project": PROJECT,
        "method": "random",
        "metric": {"name": "val/bce", "goal": "minimize"},
        "parameters": {
            "config": {"value": str(BODY_CONFIGS / "pifu_small.yaml")},
            "seed_everything": {"values": [5, 6]},
            "model.init_args.learning_rate": {"values": [0.001, 0.01]},
        },
        "command": ["${env}", "${program}", "fit", *(f"--{name}={value}" for name, value in fixed.items()), "${args}"],
    }
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep))
    return path


def test_a_sweep_and_its_agent(body_data: Path, tmp_path: Path) -> None:
    path = body_sweep(tmp_path, body_data)
    with WandbServer(trials=2) as server:
        made = client(server, tmp_path, "wandb", "sweep", "--project", PROJECT, path)
        assert made.returncode == 0, made.stderr
        assert f"wandb agent {ENTITY}/{PROJECT}/{SWEEP}" in made.stderr
        agent = client(server, tmp_path, "wandb", "agent", "--count", 2, f"{ENTITY}/{PROJECT}/{SWEEP}")
        assert agent.returncode == 0, agent.stderr
        assert yaml.safe_load(server.sweep or "")["method"] == "random"
        assert sorted(server.runs) == ["trial000", "trial001"], agent.stderr
        for place, name in enumerate(server.runs):
            assert server.summary(name)["val/bce"] > 0, "what the sweep ranks by"
            run = tmp_path / "runs" / "sweeps" / SWEEP / name
            assert json.loads((run / "metrics.json").read_text())["fit"]["val/bce"] > 0
            config = yaml.safe_load((run / "config.yaml").read_text())
            given = {key: each["value"] for key, each in server.given[place]["args"].items()}
            assert list(given)[-1] == "config", "the configuration came last and did not undo the rest"
            assert config["seed_everything"] == given["seed_everything"]
            assert config["model"]["init_args"]["learning_rate"] == given["model.init_args.learning_rate"]
            assert config["trainer"]["max_steps"] == 1
            assert any(file.startswith(f"{name}/media/images/panel") for file in server.files)
        models = [artifact for artifact in server.artifacts if artifact["artifactTypeName"] == "model"]
        assert len(models) == 2
        stored = [content for file, content in server.files.items() if file.endswith("best.ckpt")]
        checkpoints = tmp_path.glob("runs/sweeps/*/*/checkpoints/best.ckpt")
        assert sorted(map(len, stored)) == sorted(path.stat().st_size for path in checkpoints)


def test_an_offline_run_is_sent_and_read_back(tmp_path: Path) -> None:
    config = write_config(tmp_path, model__class_path=SCULPTED)
    with WandbServer() as server:
        for words in (("fit", "--config", config, "--wandb", "offline"), ("test", "--run", tmp_path / "run")):
            done = client(server, tmp_path, "experiments.cli", *words)
            assert done.returncode == 0, done.stderr
        assert not server.runs, "offline is offline"
        for folder in sorted(tmp_path.glob("run/wandb/offline-run-*")):
            sent = client(server, tmp_path, "wandb", "sync", folder)
            assert sent.returncode == 0, sent.stderr
        (name,) = server.runs
        assert len(server.history(name)) > 3
        suffixes = {Path(file).suffix for file in server.files if file.startswith(f"{name}/media/")}
        assert {".png", ".glb", ".json"} <= suffixes

        address = f"wandb:{ENTITY}/{PROJECT}/{name}"
        read = client(server, tmp_path, "experiments.cli", "compare", address, "run", "--out", "table")
        assert read.returncode == 0, read.stderr
        stored = json.loads((tmp_path / "table" / "table.json").read_text())["runs"]
        here = stored["run"]["figures"]
        there = next(run for run_name, run in stored.items() if run_name != "run")
        assert there["figures"] == pytest.approx(here)
        assert there["provenance"]["fit"]["seed"] == 3
        assert (tmp_path / "table" / "curves.png").is_file()
        none = client(server, tmp_path, "experiments.cli", "compare", f"wandb:{ENTITY}/{PROJECT}/none", "--out", "no")
        assert none.returncode == 2
        assert "could not be read" in none.stderr
        assert not server.unknown
