"""A sweep as a job array of SLURM: a task for each trial."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.errors import UserError, one_line
from experiments.trials.sweep_file import Sweep

TEMPLATE = Path(__file__).parent.parent / "slurm" / "sweep.sbatch"


def array_script(sweep: Sweep, folder: Path, trials: int, jobs: int, words: Sequence[str], more: Sequence[str]) -> str:
    """The script of the array.

    Args:
        folder: of the sweep.
        trials: their number.
        jobs: tasks at the same time.
        words: of `threefold sweep` without `--trial`.
        more: the words behind the parameters of every trial.
    """
    return TEMPLATE.read_text().format(
        name=shlex.quote(sweep.name),
        last=trials - 1,
        jobs=jobs,
        folder=folder.resolve(),
        here=shlex.quote(str(Path.cwd())),
        python=shlex.quote(sys.executable),
        words=shlex.join(words),
        more=shlex.join(["--", *more]) if more else "",
    )


def submit_array(script: str, folder: Path, options: str) -> str:
    """Writes array.sbatch into the sweep's folder, hands it to sbatch and gives what sbatch says.

    Args:
        options: of sbatch, such as "--time=2:00:00 --gpus-per-node=1".

    Raises:
        UserError: no cluster here, or it refuses.
    """
    path = folder / "array.sbatch"
    path.write_text(script)
    words = shlex.split(options)
    if not any(word.startswith(("--time", "-t")) for word in words):
        raise UserError(f'--slurm "{options}" says no time; add --time=2:00:00, as long as one trial may take')
    if shutil.which("sbatch") is None:
        raise UserError(f"there is no sbatch here; {path} is written: run `sbatch {options} {path}` on the cluster")
    done = subprocess.run(["sbatch", *words, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"sbatch refused {path}: {one_line(done.stderr)}; correct the options of --slurm")
    return one_line(done.stdout)
