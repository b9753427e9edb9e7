"""A training that `wandb agent` started: it needs a folder of its own and must report to its sweep."""

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.trials.trial_command import configurations_first

FOLDER = Path("runs/sweeps")


def agent_words(verb: str, words: Sequence[str]) -> list[str]:
    """The words of `fit` as they are, or for an agent's trial: configurations first, and what it leaves unsaid.

    The server hands parameters out in an order of its own, and no sweep's file can name a trial's folder.
    """
    sweep, trial = os.environ.get("WANDB_SWEEP_ID"), os.environ.get("WANDB_RUN_ID")
    if verb != "fit" or not sweep or not trial:
        return list(words)
    ordered = configurations_first(words)
    given = {word.split("=")[0] for word in ordered}
    if "--run" not in given:
        ordered += ["--run", str(FOLDER / sweep / trial)]
    if "--wandb" not in given:
        ordered += ["--wandb", "auto"]
    return ordered
