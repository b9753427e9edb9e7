"""`threefold sweep`: the trials of a sweep's YAML, the one that `wandb sweep` takes, without a server."""

import shlex
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.trials.bayes import BayesianSearch
from experiments.trials.job_array import array_script, submit_array
from experiments.trials.proposals import number_of_trials, proposal
from experiments.trials.running import Course, Runner
from experiments.trials.sweep_file import Sweep, read_sweep
from experiments.trials.trial_folder import Trial, trial_in
from experiments.trials.trial_table import write_table
from lightning_modules.slurm_job import current_job

DONE, SOMETHING_FAILED = 0, 1


def sweep(
    files: list[Path],
    *,
    out: Path = Path("runs/sweeps"),
    jobs: int = 1,
    count: int | None = None,
    seed: int = 0,
    test: bool = False,
    retry: bool = False,
    dry_run: bool = False,
    trial: int | None = None,
    slurm: str | None = None,
    more: Sequence[str] = (),
) -> int:
    """Trains every trial of a sweep in a run folder of its own, runs/sweeps/NAME/0000 and on, and writes a table of
    them, the best first, with what failed and why. The same file serves `wandb sweep` and `wandb agent`.

    Finished trials are not run again and interrupted ones go on: give the same command again. Words after -- go behind
    the parameters of every trial: threefold sweep FILE -- --trainer.max_steps=100. Exit status 1: some trial failed.

    Args:
        files: sweeps, see experiments/sweeps; several are run one after the other.
        out: folder for the sweeps' folders.
        jobs: trials at the same time; they share the cores, and the GPUs go round.
        count: number of trials; a random or bayes search needs it, or run_cap in the file.
        seed: of random and bayes. Bayes with more than one job depends on which trial ends first.
        test: also measures every finished trial on the test data.
        retry: runs failed trials again.
        dry_run: shows the trials' commands and runs nothing.
        trial: runs this one alone, counted from 0, as a task of a job array does; of a grid or a random search.
        slurm: makes a SLURM job array of a grid or a random search, with these options of sbatch, such as
            "--time=2:00:00 --gpus-per-node=1 --cpus-per-task=4"; --jobs is then how many tasks run at a time. When all
            have ended, the same command without --slurm writes the table. Bayes is sequential and cannot be an array.
        more: the words after --.
    """
    statuses = []
    for path in files:
        read = read_sweep(path)
        course = Course(read, tuple(more), jobs, test)
        if jobs < 1:
            raise UserError(f"--jobs {jobs} runs nothing; give 1 or more")
        folder = out / read.name
        if dry_run:
            statuses.append(show(course, count, seed))
            continue
        claim(folder, read)
        if slurm is not None:
            options = ["--out", str(out), "--seed", str(seed), *(["--test", "true"] if test else [])]
            statuses.append(run_array(course, folder, slurm, count, seed, options))
        elif trial is not None:
            statuses.append(run_one(course, folder, trial, count, seed))
        else:
            statuses.append(run_all(course, folder, count, seed, retry=retry))
    return max(statuses)


def claim(folder: Path, read: Sweep) -> None:
    """Keeps a copy of the file beside its trials.

    Raises:
        UserError: the folder belongs to another sweep.
    """
    kept = folder / "sweep.yaml"
    if kept.is_file() and read_sweep(kept)._replace(path=read.path, most=read.most) != read:
        raise UserError(
            f"{folder} holds the trials of another sweep than {read.path} now says; give it another name or --out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(read.path, kept)


def run_all(course: Course, folder: Path, count: int | None, seed: int, *, retry: bool = False) -> int:
    """Every trial that is not finished, then the table."""
    runner = Runner(course)
    if current_job() is not None:
        runner.pass_on_signals()
    try:
        if course.sweep.method == "bayes":
            trials = search(course, runner, folder, count, seed)
        else:
            number = number_of_trials(course.sweep, count)
            trials = [trial_in(folder, each, proposal(course.sweep, each, seed)) for each in range(number)]
            due = [each for each in trials if each.state != "failed" or retry]
            side_by_side(runner, due)
    except BaseException:
        runner.stop()
        raise
    runner.requeue_where_needed(trials)
    return close(course, trials, folder)


def side_by_side(runner: Runner, trials: Sequence[Trial]) -> None:
    """`jobs` at a time; Ctrl-C ends those that run and begins no other."""
    with ThreadPoolExecutor(runner.course.jobs) as pool:
        waiting = [pool.submit(runner.run, each) for each in trials]
        try:
            for each in waiting:
                each.result()
        except BaseException:
            runner.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def search(course: Course, runner: Runner, folder: Path, count: int | None, seed: int) -> list[Trial]:
    """A Bayesian search: rounds of `jobs` trials, each proposed from all before."""
    number = number_of_trials(course.sweep, count)
    study = BayesianSearch(course.sweep, folder / "optuna.db", seed)
    trials = {}

    def finish(asked: dict[int, dict[str, Any]]) -> None:
        made = [trial_in(folder, each, parameters) for each, parameters in asked.items()]
        side_by_side(runner, made)
        for each in made:
            trials[each.number] = each
            if each.state in {"finished", "failed"}:
                study.tell(each.number, each.record().get("metric"))

    finish(study.interrupted())
    while study.proposed() < number and not runner.stopped.is_set():
        finish(dict(study.ask() for _ in range(min(course.jobs, number - study.proposed()))))
    for path in sorted(folder.glob("[0-9]*/trial.json")):
        place = int(path.parent.name)
        trials.setdefault(place, trial_in(folder, place, Trial(place, {}, path.parent).record()["parameters"]))
    return [trials[place] for place in sorted(trials)]


def run_one(course: Course, folder: Path, place: int, count: int | None, seed: int) -> int:
    """One trial of a grid or a random search, on its own."""
    refuse_bayes(course.sweep, "--trial")
    number = number_of_trials(course.sweep, count)
    if not 0 <= place < number:
        path = course.sweep.path
        raise UserError(f"--trial {place} is none of the {number} trials of {path}; give 0 to {number - 1}")
    one = trial_in(folder, place, proposal(course.sweep, place, seed))
    runner = Runner(course)
    runner.pass_on_signals()
    runner.run(one)
    runner.requeue_where_needed([one])
    return SOMETHING_FAILED if one.state == "failed" else DONE


def run_array(course: Course, folder: Path, sbatch: str, count: int | None, seed: int, options: Sequence[str]) -> int:
    """All trials of a grid or a random search as tasks of a job array."""
    refuse_bayes(course.sweep, "--slurm")
    number = number_of_trials(course.sweep, count)
    words = [str(course.sweep.path), *options, *([] if count is None else ["--count", str(count)])]
    for place in range(number):
        trial_in(folder, place, proposal(course.sweep, place, seed))  # another sweep's folder is refused here
    print(submit_array(array_script(course.sweep, folder, number, course.jobs, words, course.more), folder, sbatch))
    print(f"{number} trials, {course.jobs} at a time, in {folder}; when all have ended: threefold sweep {words[0]}")
    return DONE


def refuse_bayes(read: Sweep, option: str) -> None:
    """A Bayesian search is sequential."""
    if read.method == "bayes":
        raise UserError(
            f"{read.path}: bayes is sequential, it proposes a trial from those before it, and takes no {option}; run "
            "it whole with --jobs, or take method: random"
        )


def show(course: Course, count: int | None, seed: int) -> int:
    """The commands of a sweep."""
    if course.sweep.method == "bayes":
        print(
            f"{course.sweep.path}: {number_of_trials(course.sweep, count)} trials, each proposed from those before it"
        )
        return DONE
    for place in range(number_of_trials(course.sweep, count)):
        print(f"trial {place}: {shlex.join(course.words(proposal(course.sweep, place, seed)))}")
    return DONE


def close(course: Course, trials: Sequence[Trial], folder: Path) -> int:
    """Writes and shows the table."""
    print(f"\n{write_table(course.sweep, trials, folder)}\n{folder / 'table.md'}, table.csv, table.json", flush=True)
    return SOMETHING_FAILED if any(each.state == "failed" for each in trials) else DONE


def run(verb: str, arguments: Sequence[str]) -> int:
    words = list(arguments)
    more: list[str] = []
    if "--" in words:
        place = words.index("--")
        words, more = words[:place], words[place + 1 :]
    if "--slurm" in words[:-1]:  # its value looks like an option
        place = words.index("--slurm")
        words[place : place + 2] = [f"--slurm={words[place + 1]}"]
    return call(sweep, words, verb=verb, given={"more": tuple(more)})
