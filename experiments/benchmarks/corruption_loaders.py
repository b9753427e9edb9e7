"""All readers of files that the trials damage."""

from experiments.benchmarks.corruption_data_sets import DATA_SETS
from experiments.benchmarks.corruption_downloads import DOWNLOADS
from experiments.benchmarks.corruption_loader import Loader
from experiments.benchmarks.corruption_model_files import MODEL_FILES
from experiments.benchmarks.corruption_uses import USES

LOADERS: tuple[Loader, ...] = (*DATA_SETS, *DOWNLOADS, *MODEL_FILES, *USES)
