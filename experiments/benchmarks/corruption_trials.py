"""What becomes of damaged files: every loader reads a small sound data set, then the same with one file damaged.

    python -m experiments.benchmarks.corruption_trials --trials 500 --json corruption_trials.json

Outcomes of a trial: a sentence that names the file; harmless (every value as before); named by inspect (training goes
on without a sample that `threefold inspect` names); changed values (the file is still one of its format, which has no
checksum, and every value is legal); without the file (one that the layout does not ask for was deleted); and the two
that may not be: a crash without a sentence, and something wrong that nobody is told.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.corruption_damage import Damage, apply, damaged
from experiments.benchmarks.corruption_judgement import FAILURES, OUTCOMES, Outcome, first_difference, outcome_of
from experiments.benchmarks.corruption_loader import Loader, Told
from experiments.benchmarks.corruption_loaders import LOADERS
from experiments.benchmarks.corruption_values import Values, values_of
from experiments.errors import explanation
from lightning_modules.callbacks.provenance import origin
from models.geometry.atomic import replace_when_complete

SHOWN_FAILURES = 20


class Ground:
    """A sound data set on disk, what its loader gives, and the means to damage and mend it."""

    def __init__(self, loader: Loader, folder: Path) -> None:
        self.loader = loader
        self.folder = folder
        loader.make(folder)
        self._read()  # writes the indices that the next reading uses
        self.content = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        self.files = [path for path in self.content if not loader.is_unread(path.relative_to(folder))]
        self.intact, told = self._read()
        self.mend()
        if told or first_difference(self.intact, self._read()[0]) is not None:
            raise RuntimeError(f"{loader.name} does not read the same sound data twice, or complains: {told}")

    def _read(self) -> tuple[Values, tuple[str, ...]]:
        loaded = self.loader.load(self.folder)
        return (values_of(loaded.values), loaded.sentences) if isinstance(loaded, Told) else (values_of(loaded), ())

    def mend(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.content:
                path.unlink()
        for path, content in self.content.items():
            if not path.is_file() or path.read_bytes() != content:
                path.write_bytes(content)

    def trial(self, damage: Damage) -> tuple[Outcome, str]:
        """The outcome and what was said or seen."""
        apply(damage)
        try:
            return self._outcome(damage)
        except Exception as error:
            return self._complaint(damage, error)
        finally:
            self.mend()

    def _outcome(self, damage: Damage) -> tuple[Outcome, str]:
        found, told = self._read()
        if told:
            said = next((sentence for sentence in told if self._names(sentence, damage)), None)
            return ("sentence", said) if said else ("crash", f"does not name the file: {told[0]}")
        place = damage.path.relative_to(self.folder)
        outcome, why = outcome_of(
            damage,
            self.intact,
            found,
            may_be_absent=self.loader.is_optional(place),
            free_names=self.loader.has_free_names(place),
        )
        if outcome in ("silent wrong", "without the file") and self.loader.inspect is not None:
            problems = self.loader.inspect(self.folder)
            named = next((problem for problem in problems if self._names(problem, damage)), None)
            if named is not None:
                return "named by inspect", named
        return outcome, why

    def _complaint(self, damage: Damage, error: Exception) -> tuple[Outcome, str]:
        sentence = explanation(error)
        if sentence is None:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            return "crash", f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
        if not self._names(sentence, damage):
            return "crash", f"does not name the file: {sentence}"
        return "sentence", sentence

    def _names(self, sentence: str, damage: Damage) -> bool:
        """The file, its folder, or another file of the sample (of its stem)."""
        names = (str(damage.path), damage.path.name, *self.loader.named_by(damage.path))
        return any(name and name in sentence for name in names)


def trials_of(loader: Loader, trials: int, seed: int, verbose: bool = False) -> dict[str, Any]:
    """Counts of outcomes, and the failures in words."""
    counts: Counter[str] = Counter()
    by_damage: dict[str, Counter[str]] = {}
    failures = []
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(loader, Path(folder) / "data")
        for number in range(trials):
            damage = damaged(ground.files, np.random.default_rng((seed, number)))
            outcome, why = ground.trial(damage)
            counts[outcome] += 1
            by_damage.setdefault(damage.kind, Counter())[outcome] += 1
            place = str(damage.path.relative_to(ground.folder))
            if outcome in FAILURES:
                failures.append({"trial": number, "outcome": outcome, "damage": damage.kind, "file": place, "why": why})
            if verbose:
                print(f"{loader.name} {number} {damage.kind}, {place}: {outcome} {why}".replace(folder, ""))
    return {
        "trials": trials,
        "outcomes": {outcome: counts[outcome] for outcome in OUTCOMES},
        "by_damage": {kind: dict(found) for kind, found in sorted(by_damage.items())},
        "failures": failures[:SHOWN_FAILURES],
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def corruption_trials(
    json_file: Path | None, *, loaders: list[str], trials: int, seeds: list[int], verbose: bool = False
) -> dict[str, Any]:
    """Prints a table of loaders and outcomes and returns it. Rows of other loaders in `json_file` stay."""
    chosen = [loader for loader in LOADERS if not loaders or loader.name in loaders]
    rows: dict[str, Any] = {}
    source = origin()  # before the first trial: files may change while these run
    if json_file is not None and json_file.is_file():
        rows = json.loads(json_file.read_text())["loaders"]
    print(f"{'loader':<24}" + "".join(f"{outcome:>18}" for outcome in OUTCOMES) + f"{'CPU s':>8}")
    for loader in chosen:
        reason = loader.missing()
        if reason is not None:
            rows[loader.name] = {"skipped": reason}
            print(f"{loader.name:<24} skipped: {reason}")
            continue
        rows[loader.name] = {"commit": source["commit"]}
        for seed in seeds:
            row = trials_of(loader, trials, seed, verbose)
            rows[loader.name][f"seed {seed}"] = row
            counted = "".join(f"{row['outcomes'][outcome]:>18}" for outcome in OUTCOMES)
            print(f"{loader.name:<24}{counted}{row['cpu_seconds']:>8}", flush=True)
            for failure in row["failures"]:
                print("    {outcome}: {damage}, {file}: {why}".format(**failure), flush=True)
        record = {"origin": source, "settings": {"trials": trials, "seeds": seeds}, "loaders": rows}
        if json_file is not None:
            with replace_when_complete(json_file) as (partial,):
                partial.write_text(json.dumps(record, indent=2) + "\n")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmarks.corruption_trials", description=__doc__)
    names = [loader.name for loader in LOADERS]
    parser.add_argument("--trials", type=int, default=500, help="of each loader and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--loader", nargs="+", choices=names, default=[], help="only these")
    parser.add_argument("--json", type=Path, default=None, help="file for the counts, with commit and hardware")
    parser.add_argument("--verbose", action="store_true", help="print every trial")
    given = parser.parse_args()
    rows = corruption_trials(
        given.json, loaders=given.loader, trials=given.trials, seeds=given.seeds, verbose=given.verbose
    )
    counted = [row for by_seed in rows.values() for row in by_seed.values() if isinstance(row, dict)]
    return int(any(row["outcomes"][failure] for row in counted for failure in FAILURES))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
