"""`threefold synthesize bodies` as a user meets it: mistakes, interruption, the same bytes again."""

import functools
from pathlib import Path

import pytest

from datamodules.renderpeople import PifuLayout
from datamodules.synthetic.bodies import synthesize_bodies
from tests.experiments.command_line import assert_one_sentence, threefold

small = functools.partial(synthesize_bodies, number=3, seed=5, size=48, yaws=2, mesh_resolution=64)
WORDS = ("--num", 3, "--seed", 5, "--size", 48, "--yaws", 2, "--mesh_resolution", 64)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_interrupted_run_continues_to_the_same_bytes_with_any_number_of_workers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = threefold(capsys, "synthesize", "bodies", "--out", tmp_path / "whole", *WORDS, "--workers", 1)
    assert answer.status == 0, answer
    assert "3 people" in answer.printed

    def interrupt(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / "again", workers=1, progress=interrupt)
    assert not (tmp_path / "again").exists()
    half = tmp_path / ".again.partial" / "RENDER" / "person_0001"
    half.mkdir(parents=True)
    (half / "0_0_00.png").write_bytes(b"a picture that a killed process left")
    small(tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "whole"]

    records = PifuLayout(tmp_path / "whole").records
    assert [len(record.views) for record in records] == [2, 2, 2]

    answer = threefold(capsys, "synthesize", "bodies", "--out", tmp_path / "whole", *WORDS, "--lights", 2)
    assert_one_sentence(answer, tmp_path / "whole", "already holds something else")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--num", 2), "3 or more"),
        (("--size", 8), "48 or more"),
        (("--yaws", 361), "360"),
        (("--held_out", 0.7), "between 0 and 0.5"),
        (("--layout", "mosaic"), "layout"),
        (("--layout", "cape", "--frames", 4), "5 or more"),
    ],
)
def test_settings_without_sense_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], part: str
) -> None:
    answer = threefold(capsys, "synthesize", "bodies", "--out", tmp_path / "out", *words)
    assert_one_sentence(answer, part)
    assert not any(tmp_path.iterdir())
