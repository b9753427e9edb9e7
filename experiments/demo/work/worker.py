"""The process that reconstructs: reads jobs from its standard input, one line of JSON each, tells what comes of them.

It holds the networks, so that the next visitor waits for none of them, and can be ended at any moment.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from experiments.demo.limits import Limits
from experiments.demo.uploads import silence_decoders
from experiments.demo.work.memory import bound_memory
from experiments.demo.work.methods import LoadedRuns
from experiments.demo.work.pictures import PICTURE, clean_picture, open_nothing_else
from experiments.demo.work.sentences import for_visitors, memory_sentence
from experiments.demo.work.telling import Teller
from experiments.errors import explanation
from experiments.quiet import silence_the_training_library


def main() -> None:
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not be taken for a message
    settings = json.loads(sys.stdin.readline())
    limits = Limits(**settings["limits"])
    bound_memory(limits.job_memory_bytes)
    silence_the_training_library()
    silence_decoders()
    open_nothing_else()
    runs = LoadedRuns({method: Path(run) for method, run in settings["runs"].items()})
    warm_up(runs, told)
    for line in sys.stdin:
        if not work(json.loads(line), runs, limits, told):
            return


def warm_up(runs: LoadedRuns, told: TextIO) -> None:
    """Loads every run; one that cannot be loaded says why when it is asked for."""
    silent = Teller(told, Path())
    for method in runs.runs:
        try:
            runs.get(method)
        except Exception as error:
            sys.stderr.write(f"threefold: {explanation(error) or repr(error)}\n")
    silent.say(ready=True)


def work(job: dict[str, Any], runs: LoadedRuns, limits: Limits, told: TextIO) -> bool:
    """One job; False when this process should not take another one."""
    folder = Path(job["folder"])
    tell = Teller(told, folder)
    try:
        if job["base"] is None:
            tell.doing(0.0, "reading the picture")
            for note in clean_picture(Path(job["upload"]), folder, limits):
                tell.note(note)
            tell.say(file=PICTURE, role="picture", label="Picture")
            runs.reconstruct(job["method"], folder / PICTURE, job["options"], tell)
        else:
            worn = None if job["worn"] is None else Path(job["worn"])
            runs.edit(job["method"], Path(job["base"]), worn, job["changes"], tell)
        tell.say(done=True)
    except Exception as error:
        refused = memory_sentence(error, limits)
        if refused is not None:
            tell.say(refused=refused, leaving=True)
            return False  # what it still holds is not worth looking for
        sentence = explanation(error)
        if sentence is None:
            traceback.print_exc()
            tell.say(
                refused="the reconstruction failed by a fault of the program; choose another picture", leaving=True
            )
            return False
        tell.say(refused=for_visitors(sentence))
    return True


if __name__ == "__main__":
    main()
