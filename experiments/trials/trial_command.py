"""The words of one trial's command, as `wandb agent` would write them."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.trials.sweep_file import Sweep

ENVIRONMENT_MACRO = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")


def arguments(parameters: Mapping[str, Any]) -> list[str]:
    """What `${args}` becomes."""
    return [f"--{name}={value}" for name, value in parameters.items()]


def trial_command(sweep: Sweep, parameters: Mapping[str, Any]) -> list[str]:
    """The command of a trial; `${interpreter}` is this Python."""
    replacements = {
        "${env}": ["/usr/bin/env"] if os.name == "posix" else [],
        "${interpreter}": [sys.executable],
        "${program}": [sweep.program],
        "${args}": arguments(parameters),
    }
    words: list[str] = []
    for word in sweep.command:
        filled = ENVIRONMENT_MACRO.sub(lambda match: os.environ.get(match[1], match[1]), word)
        words += replacements.get(word, [filled])
    return words


def configurations_first(words: Sequence[str]) -> list[str]:
    """The words of a command with whole configurations before everything else, and classes before their arguments,
    whatever order a server handed them out in: a later configuration would undo an earlier value.
    """
    begin = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    whole = [word for word in words[begin:] if word.startswith("--config=")]
    single = [word for word in words[begin:] if word.startswith("--") and "=" in word and word not in whole]
    others = [word for word in words[begin:] if word not in whole and word not in single]
    return [*words[:begin], *whole, *others, *sorted(single, key=lambda word: word.split("=")[0].count("."))]


def trial_environment(sweep: Sweep, threads: int, gpu: int | None) -> dict[str, str]:
    """This process's environment with the threads and the GPU of one trial, where the user has not chosen them."""
    environment = {**os.environ, "WANDB_RUN_GROUP": sweep.name}
    environment.pop("WANDB_SWEEP_ID", None)
    environment.setdefault("OMP_NUM_THREADS", str(threads))
    # `threefold` without a path: the one that belongs to this Python
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = str(gpu)
    return environment
