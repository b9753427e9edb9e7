"""`threefold synthesize garments` as a user meets it."""

from pathlib import Path

import pytest

from tests.experiments.command_line import assert_one_sentence, threefold

WORDS = ("--num", 3, "--views", 1, "--height", 48, "--layout", "atr", "--subject", "handbags", "--workers", 1)


def test_pictures_are_written_and_read_by_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = threefold(capsys, "synthesize", "garments", "--out", tmp_path / "bags", *WORDS)
    assert answer.status == 0, answer
    assert "3 pictures" in answer.printed
    assert "threefold inspect atr" in answer.printed
    answer = threefold(capsys, "inspect", "atr", "--root", tmp_path / "bags")
    assert answer.status == 0, answer

    answer = threefold(capsys, "synthesize", "garments", "--out", tmp_path / "bags", *WORDS, "--seed", 2)
    assert_one_sentence(answer, tmp_path / "bags", "already holds something else")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--num", 2), "training, validation and test"),
        (("--height", 8), "32 pixels or more"),
        (("--views", 0), "1 to 99"),
        (("--held_out", 0.7), "between 0 and 0.5"),
        (("--layout", "mosaic"), "layout"),
        (("--subject", "cats"), "subject"),
    ],
)
def test_settings_without_sense_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], part: str
) -> None:
    answer = threefold(capsys, "synthesize", "garments", "--out", tmp_path / "out", *WORDS, *words)
    assert_one_sentence(answer, part)
    assert not (tmp_path / "out").exists()
