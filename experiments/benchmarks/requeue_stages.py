"""Short trainings of the project's stages on tiny synthetic data, for trials that stop and resume them."""

from collections.abc import Callable
from pathlib import Path

from experiments.benchmarks.copied_process import CopiedProcess

CONFIGS = Path(__file__).parent.parent / "configs"
SHORT = (
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--trainer.check_val_every_n_epoch", "2", "--checkpoint.monitor", "null", "--trainer.accelerator", "cpu"),
)
ONE_STEP = ("--trainer.max_steps", "1", "--trainer.limit_val_batches", "0")
TINY_FACE = ("--model.init_args.face_model.init_args.level", "tiny")


def clothing(folder: Path) -> list[str]:
    """Both optimizers, the critic and the template's steps: pictures of 64 x 32 pixels."""
    data = folder / "garments"
    if not data.is_dir():
        run(folder, "synthesize", "garments", "--out", data, "--num", 24, "--views", 2, "--height", 64, "--workers", 1)
    size = ("--data.init_args.root", data, "--data.init_args.image_size", "[64, 32]", "--data.init_args.batch_size", 2)
    return fit("clothing/small.yaml", *size, "--trainer.max_epochs", 4)


def face_coarse(folder: Path) -> list[str]:
    short = ("--data.init_args.root", faces(folder), "--data.init_args.batch_size", 2, "--trainer.max_steps", 24)
    return fit("faces/coarse_small.yaml", *short, *TINY_FACE)


def face_detail(folder: Path) -> list[str]:
    """Over a coarse run of one step."""
    start = folder / "face-coarse" / "checkpoints" / "best.ckpt"
    if not start.is_file():
        run(folder, *face_coarse(folder), *ONE_STEP, "--run", folder / "face-coarse")
    short = ("--data.init_args.root", faces(folder), "--data.init_args.batch_size", 2, "--trainer.max_steps", 24)
    small = ("--model.init_args.uv_size", 64, "--data.init_args.image_size", 96)
    return fit("faces/detail_small.yaml", *short, *small, "--model.init_args.coarse_checkpoint", start)


def body_normals(folder: Path) -> list[str]:
    """A critic against a generator."""
    return fit("bodies/normals_small.yaml", *bodies(folder), "--trainer.max_epochs", 4)


def body_multiscale(folder: Path) -> list[str]:
    coarse = ("--model.init_args.test_resolution", 32)
    return fit("bodies/multiscale_small.yaml", *bodies(folder), *coarse, "--trainer.max_steps", 24)


STAGES: dict[str, Callable[[Path], list[str]]] = {
    "clothing": clothing,
    "face-coarse": face_coarse,
    "face-detail": face_detail,
    "body-normals": body_normals,
    "body-multiscale": body_multiscale,
}
"""Each makes the data that it lacks and gives the words behind `threefold`, without the run's folder."""


def faces(folder: Path) -> Path:
    data = folder / "faces"
    if not data.is_dir():
        few = ("--num", 24, "--images_per_identity", 1, "--size", 96, "--level", "tiny", "--workers", 1)
        run(folder, "synthesize", "faces", "--out", data, *few)
    return data


def bodies(folder: Path) -> tuple[object, ...]:
    data = folder / "bodies"
    if not data.is_dir():
        few = ("--num", 6, "--size", 64, "--yaws", 4, "--mesh_resolution", 64, "--held_out", 0.2, "--workers", 1)
        run(folder, "synthesize", "bodies", "--out", data, *few)
    small = ("--data.init_args.image_size", 64, "--data.init_args.batch_size", 1)
    return ("--data.init_args.root", data, *small)


def fit(config: str, *words: object) -> list[str]:
    return [str(word) for word in ("fit", "--config", CONFIGS / config, *SHORT, *words)]


def run(folder: Path, *words: object) -> None:
    """In a copy of this process, which stays as it is.

    Raises:
        RuntimeError: it fails.
    """
    log = folder / "made.txt"
    if CopiedProcess([str(word) for word in words], log).wait():
        raise RuntimeError(f"`threefold {words[0]}` fails: {log.read_text(errors='replace')[-1000:]}")
