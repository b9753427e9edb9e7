"""Trials proposed from the ones before: Optuna's TPE, its memory in an SQLite file of the sweep's folder."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.errors import UserError
from experiments.trials.search_space import Parameter
from experiments.trials.sweep_file import Sweep


class BayesianSearch:
    """Asks for trials and is told what came of them; a search that was interrupted goes on where it stopped.

    The proposal of a trial follows from the seed, its number and the trials that had ended before, so that one job at a
    time always finds the same.

    Args:
        sweep: with method bayes.
        path: of the SQLite file.
    """

    def __init__(self, sweep: Sweep, path: Path, seed: int) -> None:
        try:
            import optuna
        except ModuleNotFoundError:
            raise UserError(
                f"{sweep.path}: bayes needs the package optuna; install it with `pip install 'threefold[sweeps]'`, or "
                "take method: random"
            ) from None
        assert sweep.goal is not None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.optuna, self.sweep, self.seed = optuna, sweep, seed
        self.study = optuna.create_study(
            study_name=sweep.name,
            storage=f"sqlite:///{path}",
            direction="maximize" if sweep.goal.maximize else "minimize",
            load_if_exists=True,
        )

    def interrupted(self) -> dict[int, dict[str, Any]]:
        """Trials that were proposed and never ended, by their numbers."""
        running = self.optuna.trial.TrialState.RUNNING
        return {trial.number: self._named(trial.params) for trial in self.study.get_trials() if trial.state == running}

    def proposed(self) -> int:
        """How many trials there have been."""
        return len(self.study.get_trials())

    def ask(self) -> tuple[int, dict[str, Any]]:
        """The next trial: its number and parameters."""
        stream = np.random.SeedSequence((self.seed, self.proposed())).generate_state(1)
        self.study.sampler = self.optuna.samplers.TPESampler(seed=int(stream[0]), constant_liar=True)
        trial = self.study.ask()
        values = {parameter.name: _suggested(trial, parameter) for parameter in self.sweep.parameters}
        return trial.number, self._named(values)

    def tell(self, number: int, value: float | None) -> None:
        """What a trial reached; None when it failed."""
        if self.study.get_trials()[number].state.is_finished():
            return  # told already, before an interruption
        if value is None:
            self.study.tell(number, state=self.optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(number, value)

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        """In the sweep's order, a fixed or listed value by its place in the list."""
        made = {}
        for parameter in self.sweep.parameters:
            if parameter.name in values:
                found = values[parameter.name]
                made[parameter.name] = parameter.values[found] if parameter.values else found
        return made


def _suggested(trial: Any, parameter: Parameter) -> Any:
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.values:  # by place: values may be lists, which Optuna's database does not keep
        return trial.suggest_categorical(name, list(range(len(parameter.values))))
    if parameter.distribution == "int_uniform":
        return trial.suggest_int(name, int(low), int(high))
    return trial.suggest_float(name, low, high, step=parameter.step, log=parameter.logarithmic)
