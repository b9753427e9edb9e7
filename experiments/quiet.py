"""Silences what the training library prints on every run and nobody here can act on."""

import logging
import warnings

ADVERTISEMENTS = ("litlogger", "litmodels")


class NoAdvertisement(logging.Filter):
    """Drops the tips for products of the library's makers."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage().lower()
        return not any(word in message for word in ADVERTISEMENTS)


def silence_the_training_library() -> None:
    """Drops advertisements and deprecations inside Lightning; every other message stays."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero", "lightning.pytorch"):
        logger = logging.getLogger(name)
        if not any(isinstance(present, NoAdvertisement) for present in logger.filters):
            logger.addFilter(NoAdvertisement())
    # Lightning 2.6 still checks with a private class of torch's tree library that torch 2.10 deprecated
    warnings.filterwarnings("ignore", message=r".*(LeafSpec|treespec|TreeSpec).*")
    # the verb is cut off before LightningCLI sees the words
    warnings.filterwarnings("ignore", message=r".*LightningCLI's args parameter is intended.*")
    # few synthetic pictures need few workers; the number is the user's choice in the YAML
    warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
    warnings.filterwarnings(
        "ignore", message=r".*The number of training batches .* is smaller than the logging interval.*"
    )
    # the metrics before a resumed training have been put aside, and its checkpoints are meant to be replaced
    warnings.filterwarnings("ignore", message=r".*Experiment logs directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=r".*Checkpoint directory .* exists and is not empty.*")
    # batches that were done are read again and left out, see LastCheckpoint
    warnings.filterwarnings("ignore", message=r".*your dataloader is not resumable.*")
    # a test needs none of the callbacks that saved the checkpoint
    warnings.filterwarnings("ignore", message=r".*callbacks used to create the checkpoint need to be provided.*")
    # the detailed stage keeps its coarse stage in evaluation mode on purpose
    warnings.filterwarnings("ignore", message=r".*module\(s\) in eval mode at the start of training.*")
    # lightning asks for srun wherever the program is installed
    warnings.filterwarnings("ignore", message=r".*The `srun` command is available.*")
