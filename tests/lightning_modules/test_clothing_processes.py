"""Two processes with half a batch each learn what one learns from the whole, template and all."""

import os
import socket
from pathlib import Path
from typing import Any
from unittest import mock

import lightning
import pytest
import torch
from torch import Tensor, multiprocessing
from torch.utils.data import DataLoader

from tests.lightning_modules.clothing_scenes import moving_prototype, photographs, rows_of, tiny_clothing

BATCHES, EPOCHS, ROWS = 3, 3, 4


class Halves(lightning.LightningDataModule):
    """Batches of four photographs, of which each process gets its part."""

    def batches(self, seed: int) -> DataLoader:
        trainer = self.trainer
        assert trainer is not None
        each = ROWS // trainer.world_size
        part = slice(each * trainer.global_rank, each * (trainer.global_rank + 1))
        whole = [photographs(ROWS, seed + k) for k in range(BATCHES)]
        rows = [rows_of(batch._replace(image=batch.image.double(), mask=batch.mask.double()), part) for batch in whole]
        return DataLoader(rows, batch_size=None)  # type: ignore[arg-type]

    def train_dataloader(self) -> DataLoader:
        return self.batches(0)

    def clean_dataloader(self) -> DataLoader:
        return self.batches(1)


def same_numbers(number: int, like: Tensor, generator: object = None) -> Tensor:
    """Draws that repeat after two, so that half a batch sees those of the whole."""
    return torch.tensor([0.25, 0.7]).repeat(number // 2).to(like)


def neighbours(usable: Tensor, generator: object = None) -> Tensor:
    """Pairs within each half of the batch."""
    return torch.arange(len(usable)).reshape(-1, 2).flip(1).flatten()


def fitted(processes: int, folder: Path) -> None:
    """Trains and writes the weights of this process to a file of its own."""
    module = tiny_clothing(prototype=moving_prototype()).double()
    with torch.no_grad():
        module.reconstructor.encoder.shape.dense.weight.normal_(0, 0.01)
    random = torch.rand

    def shares(*size: Any, **options: Any) -> Tensor:
        """Of the gradient penalty: the only numbers in a row."""
        return same_numbers(size[0], torch.zeros(())) if len(size) == 1 else random(*size, **options)

    drawn = "models.clothing.attributes"
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto",
        use_distributed_sampler=False, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip
    with (
        mock.patch(f"{drawn}._uniform", same_numbers),
        mock.patch(f"{drawn}._permutation_of", neighbours),
        mock.patch("torch.rand", shares),
    ):
        trainer.fit(module, datamodule=Halves())
    torch.save(module.state_dict(), folder / f"{processes}-{trainer.global_rank}.pt")


def one_of_two(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": 2}
    os.environ.update({name: str(value) for name, value in place.items()})
    fitted(2, Path(folder))
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:.*")
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=one_of_two, args=(rank, port, str(tmp_path))) for rank in (0, 1)]
    for process in processes:
        process.start()
    fitted(1, tmp_path)
    for process in processes:
        process.join(timeout=300)
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    alone = torch.load(tmp_path / "1-0.pt")
    initial = tiny_clothing().reconstructor.template.vertices
    assert float((alone["reconstructor.template_vertices"] - initial).abs().max()) > 1e-4
    for rank in (0, 1):
        together = torch.load(tmp_path / f"2-{rank}.pt")
        for name, value in alone.items():
            torch.testing.assert_close(together[name], value, rtol=0, atol=1e-10, msg=f"{rank} {name}")
