"""`threefold fit | validate | test | predict`: LightningCLI with one folder a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentError, Namespace, dict_to_namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.environments import ClusterEnvironment, SLURMEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_only

from experiments.commands.yaml_mistakes import refuse_two_models, sentence_for
from experiments.config_file import ConfigFile, plain
from experiments.errors import UserError
from experiments.job_starts import record_start
from experiments.quiet import silence_the_training_library
from experiments.run_claims import beginning_of, take
from experiments.run_lock import lock, unlock
from experiments.runs import checkpoint_of, read_checkpoint
from experiments.trials.agent import agent_words
from lightning_modules.callbacks.checkpoint_files import CheckpointFiles
from lightning_modules.callbacks.last_checkpoint import LastCheckpoint
from lightning_modules.callbacks.meshes import Meshes
from lightning_modules.callbacks.metrics_file import MetricsFile
from lightning_modules.callbacks.panels import Panels
from lightning_modules.callbacks.predictions import Predictions
from lightning_modules.callbacks.provenance import Provenance
from lightning_modules.callbacks.requeue import Requeue, StoppedBySlurm
from lightning_modules.callbacks.sample_scores import SampleScores
from lightning_modules.callbacks.seeded_batches import SeededBatches
from lightning_modules.callbacks.templates import Templates
from lightning_modules.callbacks.wandb_run import WandbFiles, WandbMode, wandb_logger
from lightning_modules.hyper_parameters import TRAINED
from lightning_modules.slurm_job import current_job

VERBS = ("fit", "validate", "test", "predict")
BATCH_LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches")


def repair_batch_limits() -> None:
    """Makes `trainer.limit_train_batches: 1` mean one batch.

    The annotation `int | float | None` reaches the parser as `float | int | None` (typing caches unions by their set of
    members), so 1 became 1.0, and 1.0 means all batches. The parser tries the members in order: int must come first.
    """
    for name in BATCH_LIMITS:
        Trainer.__init__.__annotations__[name] = int | float | None


@dataclass
class CheckpointChoice:
    """Which epoch's weights become checkpoints/best.ckpt, and how often checkpoints/last.ckpt is written.

    Args:
        monitor: a logged quantity such as val/landmark_nme_percent; null keeps the newest epoch.
        mode: whether small or large values of it are good.
        minutes: of training that a killed run loses at most; 0 saves the state after every batch.
    """

    monitor: str | None = None
    mode: Literal["min", "max"] = "min"
    minutes: float = 5.0


class ThreefoldCLI(LightningCLI):
    """LightningCLI whose every run owns one folder: config, metrics, checkpoints, pictures, meshes and provenance."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--run", type=str | None, default=None, help="folder of the run, such as runs/face-coarse")
        parser.add_argument(
            "--wandb",
            type=WandbMode,
            default="off",
            help="log to wandb: online, offline, or auto, which is online where there is an account",
        )
        parser.add_class_arguments(CheckpointChoice, "checkpoint")

    def _parse_ckpt_path(self) -> None:
        """The configuration decides about the model, never a checkpoint behind its back."""

    def before_instantiate_classes(self) -> None:
        if self.subcommand == "fit" and not self._get(self.config, "trainer").fast_dev_run:
            self._claim_run_folder()
        self._check_checkpoint()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        if self._get(self.config, "trainer").fast_dev_run:
            return super().instantiate_trainer(**kwargs)
        run = self.run_folder
        loggers: list[Any] = []
        if self.subcommand == "fit":
            loggers = [CSVLogger(run, name="", version=""), TensorBoardLogger(run, name="", version="")]
            loggers += self._own_loggers()
        asked = self._get(self.config, "wandb")
        if asked != "off" and self.subcommand != "predict":
            loggers.append(wandb_logger(run, asked, self._plain_config()))
        own = list(self._get(self.config_init, "trainer").get("callbacks") or [])
        choice = self._get(self.config_init, "checkpoint")
        callbacks = [*own, Panels(), Meshes(), Templates(), MetricsFile(), SampleScores(), Predictions()]
        callbacks += [Provenance(), WandbFiles()]
        if self.subcommand == "fit":
            keep = ModelCheckpoint(
                run / "checkpoints",
                filename="best",
                monitor=choice.monitor,
                mode=choice.mode,
                # else what was learned after the last validation would be lost
                save_on_train_epoch_end=True if choice.monitor is None else None,
                enable_version_counter=False,
            )
            callbacks += [SeededBatches(), keep, LastCheckpoint(run / "checkpoints", choice.minutes)]
            if current_job() is not None:
                callbacks.append(Requeue(run / "checkpoints" / "last.ckpt"))
        trainer = super().instantiate_trainer(
            logger=loggers or False,
            plugins=self._plugins(),
            default_root_dir=run,
            callbacks=callbacks,
            enable_checkpointing=self.subcommand == "fit",
            **kwargs,
        )
        trainer.strategy.checkpoint_io = CheckpointFiles()
        return trainer

    @property
    def run_folder(self) -> Path:
        """The folder of this run."""
        run = self._get(self.config, "run")
        if run is None:
            raise UserError(f"{self.subcommand}: no folder for the run; add --run runs/NAME")
        return Path(run)

    def _plain_config(self) -> dict[str, Any]:
        """The configuration as plain values."""
        return plain(self._parser(self.subcommand), self.config[str(self.subcommand)])

    def _own_loggers(self) -> list[Any]:
        """Loggers that the user's YAML asks for (wandb, …) beside the two that every run has."""
        logger = self._get(self.config_init, "trainer").get("logger")
        if logger is None or isinstance(logger, bool):
            return []
        return list(logger) if isinstance(logger, list) else [logger]

    def _plugins(self) -> list[Any] | None:
        """Those of the user's YAML; under SLURM without the training library's own requeueing, which may hang."""
        asked = self._get(self.config_init, "trainer").get("plugins") or []
        plugins = list(asked) if isinstance(asked, list) else [asked]
        if current_job() is not None and not any(isinstance(plugin, ClusterEnvironment) for plugin in plugins):
            plugins.append(SLURMEnvironment(auto_requeue=False))
        return plugins or None

    def _check_checkpoint(self) -> None:
        config = self.config[str(self.subcommand)]
        path = self._named_checkpoint()
        if path is None:
            return
        config["ckpt_path"] = str(path)
        checkpoint = read_checkpoint(path)
        written_by = checkpoint.get("hyper_parameters", {}).get("_class_path")
        if written_by is not None and written_by != config["model"]["class_path"]:
            raise UserError(
                f"{path} was written by {written_by}, but the configuration trains {config['model']['class_path']}"
            )
        config["model"]["init_args"] = inside = with_own_networks(
            config["model"]["init_args"], checkpoint.get("hyper_parameters", {})
        )
        coarse = inside.get("coarse_checkpoint")
        if coarse is not None and not Path(coarse).is_file() and "coarse_hyper_parameters" in checkpoint:
            # it carries its coarse stage: the run's folder may have moved alone
            inside["coarse_checkpoint"] = str(path)

    def _named_checkpoint(self) -> Path | None:
        """The checkpoint that the command names."""
        name = self.config[str(self.subcommand)].get("ckpt_path")
        if name in {"best", "last"}:
            return self.run_folder / "checkpoints" / f"{name}.ckpt"
        return Path(name) if name else None

    def _claim_run_folder(self) -> None:
        """A finished run is never overwritten, an interrupted one goes on, and earlier metrics stay beside the new."""
        run, config = self.run_folder, self.config[str(self.subcommand)]
        first = getattr(rank_zero_only, "rank", 0) == 0
        if first:
            lock(run)
        beginning = beginning_of(run, self._plain_config(), self._named_checkpoint())
        if beginning.checkpoint is not None:
            config["ckpt_path"] = str(beginning.checkpoint)
        if beginning.resumes:
            self.save_config_callback = None  # it is the same
        if first:
            take(run, beginning.damaged)
            record_start(run)
        if first and beginning.remark is not None:
            print(beginning.remark, flush=True)

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        return {**super()._prepare_subcommand_kwargs(subcommand), "weights_only": True}


def with_own_networks(asked: Any, stored: Any) -> Any:
    """The arguments of a configuration with every network of an earlier run whose file is gone built as the checkpoint
    says: it carries them inside, and a run's folder may have moved alone."""
    if isinstance(asked, Namespace):
        if str(asked.get("class_path", "")).startswith(TRAINED) and not Path(asked.init_args.checkpoint).is_file():
            return asked if stored is None else dict_to_namespace(stored)
        known = stored if isinstance(stored, dict) else {}
        return Namespace(**{name: with_own_networks(value, known.get(name)) for name, value in vars(asked).items()})
    return asked


def run(verb: str, arguments: Sequence[str]) -> int:
    """One of Lightning's verbs on a configuration.

    `validate`, `test` and `predict` take `--run RUN` alone: the run's own config.yaml and its best checkpoint.
    """
    try:
        parsed(verb, arguments, ThreefoldCLI)
    except StoppedBySlurm as stopped:
        rank_zero_info(f"threefold: {stopped}")
        return stopped.status
    return 0


def parsed(verb: str, arguments: Sequence[str], command_line: type[ThreefoldCLI]) -> ThreefoldCLI:
    """The command line, which does what the verb says while it is made.

    Raises:
        UserError: words or files that it does not understand.
    """
    silence_the_training_library()
    repair_batch_limits()
    arguments = agent_words(verb, arguments)
    words = list(arguments) if asks_for_help(arguments) else [*run_defaults(verb, arguments), *arguments]
    refuse_two_models(config_files(words))
    parser_options = {"exit_on_error": False, "allow_abbrev": False}
    try:
        return command_line(
            args=[verb, *words],
            parser_kwargs={**parser_options, **{name: dict(parser_options) for name in VERBS}},
            save_config_callback=ConfigFile if verb == "fit" else None,  # config.yaml says how it was trained
            seed_everything_default=0,
            auto_configure_optimizers=False,
        )
    except ArgumentError as error:
        raise UserError(sentence_for(str(error), verb, config_files(words))) from error
    finally:
        unlock()


def asks_for_help(arguments: Sequence[str]) -> bool:
    return any(word in {"-h", "--help"} or word.endswith(".help") for word in arguments)


def run_defaults(verb: str, arguments: Sequence[str]) -> list[str]:
    """What `threefold test --run RUN` leaves unsaid: the run's configuration and its best checkpoint."""
    folder = option("--run", arguments)
    if verb == "fit" or folder is None:
        return []
    words = []
    if not config_files(arguments):
        if not (Path(folder) / "config.yaml").is_file():
            raise UserError(
                f"{folder} holds no config.yaml; give --config, or the folder of a run that `threefold fit` wrote"
            )
        words += ["--config", str(Path(folder) / "config.yaml")]
    if option("--ckpt_path", arguments) is None:
        words += ["--ckpt_path", str(checkpoint_of(Path(folder)))]
    return words


def option(name: str, arguments: Sequence[str]) -> str | None:
    """The last value given to an option, written `--name value` or `--name=value`."""
    value = None
    for position, word in enumerate(arguments):
        if word == name and position + 1 < len(arguments):
            value = arguments[position + 1]
        elif word.startswith(f"{name}="):
            value = word.split("=", 1)[1]
    return value


def config_files(arguments: Sequence[str]) -> list[Path]:
    """Every file given with --config or -c, in order."""
    files = []
    for position, word in enumerate(arguments):
        if word in {"--config", "-c"} and position + 1 < len(arguments):
            files.append(Path(arguments[position + 1]))
        elif word.startswith("--config="):
            files.append(Path(word.split("=", 1)[1]))
    for path in files:
        if not path.is_file():
            raise UserError(
                f"{path} does not exist; the configurations that come with the project are in experiments/configs"
            )
        try:
            content = yaml.safe_load(path.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}; correct the line") from error
        if content is not None and not isinstance(content, dict):
            raise UserError(f"{path} holds no keys, it is no configuration; see experiments/configs for examples")
    return files
