"""The command `threefold`: one verb a use, each in its own module of `experiments.commands`.

A verb's module is imported only when it is asked for, so that the list of verbs appears at once.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from lightning_modules.slurm_job import current_job
from lightning_modules.stop_signals import REQUEUE, listen


class Verb(NamedTuple):
    module: str
    """Module of `experiments.commands` with a function ``run(verb, arguments)``."""
    summary: str


VERBS = {
    "fit": Verb("training", "train a method from a YAML file"),
    "validate": Verb("training", "measure a run on the validation data"),
    "test": Verb("training", "measure a run on the test data"),
    "predict": Verb("training", "write what a run says about every picture of a folder: RUN/predictions.npz"),
    "train-face": Verb(
        "train_face", "from nothing to textured faces: synthesize, train both stages, test, reconstruct"
    ),
    "train-body": Verb(
        "train_body", "from nothing to coloured bodies: synthesize, train two networks, test, reconstruct"
    ),
    "train-clothing": Verb(
        "train_clothing", "from nothing to textured clothing: synthesize, train, test, reconstruct, try on"
    ),
    "rank": Verb("rank", "PIFu against the multi-scale network over three seeds: synthesize, train, test, compare"),
    "submit": Verb("submit", "hand a training to SLURM: nodes, GPUs, time, an array of seeds"),
    "synthesize": Verb("synthesize", "write synthetic data with its 3D truth, in the layout of the real data"),
    "prepare": Verb("prepare", "convert a downloaded data set to the neutral layout"),
    "inspect": Verb("inspect", "count a data set's pictures and name every broken file"),
    "reconstruct": Verb("reconstruct", "turn photographs of faces, people or clothing into coloured meshes"),
    "transfer": Verb("edit", "put the expression of one reconstruction on the face of another"),
    "relight": Verb("edit", "show one reconstruction in the light of another"),
    "dress": Verb("dress", "put the clothing of one reconstruction on the shape of another"),
    "animate": Verb("animate", "show how a run of clothing learned its template"),
    "export": Verb("export", "write a trained run as a folder of a few megabytes that is used like the run"),
    "figures": Verb("figures", "pictures of what the models that come with the program make, for the README"),
    "weights": Verb("weights", "train, export and test the three models that come with the program"),
    "demo": Verb("demo", "a page in the browser: drop a picture, turn the mesh, change it, download it"),
    "evaluate": Verb("evaluate", "measure meshes of any method against scans"),
    "compare": Verb("compare", "put runs side by side: mean and spread, with where every number came from"),
    "report": Verb("report", "one page about runs that opens offline: origin, curves, tables, panels, meshes to turn"),
    "sweep": Verb("sweep", "train every trial of a sweep's YAML, without a server or as a job array"),
    "bench": Verb(
        "bench", "time rasterizers or extraction side by side, or the parts of a training step; try requeueing"
    ),
}


def usage() -> str:
    lines = [f"  {name:<14} {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "threefold VERB [ARGUMENTS]    clothing, faces and bodies in 3D from pictures",
            "",
            *lines,
            "",
            "threefold VERB --help explains a verb; --debug shows the traceback behind an error.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb. Exit status: 0 done, 1 `inspect` found problems, 2 a mistake of the user's, 130 interrupted.

    Args:
        arguments: the words after `threefold`; those of the process when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in {"-h", "--help", "help"}:
        print(usage())
        return
    verb, rest = words[0], words[1:]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(VERBS)}"
        sys.stderr.write(f"threefold: {verb!r} is no verb; {hint}\n")
        raise SystemExit(2)

    if verb in {"fit", "sweep"} and current_job() is not None:
        listen(REQUEUE)  # before the seconds of importing, in which the signal would end the process

    from experiments.errors import mistakes_as_sentences  # after the quick answers

    try:
        with mistakes_as_sentences(debug):
            status = importlib.import_module(f"experiments.commands.{VERBS[verb].module}").run(verb, rest)
            if status:
                raise SystemExit(status)
    finally:
        leave_the_other_processes()


def leave_the_other_processes() -> None:
    """Ends what a training in several processes began: gloo's threads else abort some processes at their exit."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
