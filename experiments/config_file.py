"""A run's config.yaml."""

from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from models.geometry.atomic import replace_when_complete


class ConfigFile(SaveConfigCallback):
    """Writes the whole configuration into the run's folder, in one step: a killed process leaves no half of it."""

    def __init__(self, parser: Any, config: Namespace) -> None:
        super().__init__(parser, config, save_to_log_dir=False)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        with replace_when_complete(Path(trainer.default_root_dir) / "config.yaml") as (unfinished,):
            unfinished.write_text(self.parser.dump(self.config, skip_unset=False))


def plain(parser: ArgumentParser, config: Namespace) -> dict[str, Any]:
    """A configuration as its file would say it."""
    return yaml.safe_load(parser.dump(config, skip_unset=False))
