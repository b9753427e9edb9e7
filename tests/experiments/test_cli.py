"""The command itself: its verbs, its help, and how it speaks about mistakes."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli
from experiments.commands import bench
from experiments.commands.parsing import call
from experiments.errors import UserError, explanation, mistakes_as_sentences
from tests.experiments.command_line import assert_one_sentence, threefold


def test_without_words_it_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    answer = threefold(capsys)
    assert answer.status == 0
    for verb in cli.VERBS:
        assert verb in answer.printed


@pytest.mark.parametrize("words", [(verb,) for verb in cli.VERBS] + [("synthesize", "faces"), ("prepare", "celeba")])
def test_every_verb_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    answer = threefold(capsys, *words, "--help")
    assert answer.status == 0
    assert len(answer.printed) > 80


def test_a_misspelt_verb_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_sentence(threefold(capsys, "reconstrukt"), "reconstrukt", "`reconstruct`")


def test_the_list_of_verbs_comes_without_importing_torch() -> None:
    code = "import sys; from experiments.cli import main; main([]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_missing_and_unknown_options_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_sentence(threefold(capsys, "synthesize", "faces"), "out", "--help")
    assert_one_sentence(threefold(capsys, "synthesize", "faces", "--out", "x", "--nun", "3"), "--nun")
    assert_one_sentence(threefold(capsys, "synthesize", "faces", "--out", "x", "--num", "many"), "--num", "int", "many")
    assert_one_sentence(threefold(capsys, "synthesize", "cats"), "cats", "faces")


def test_a_word_that_is_none_of_an_options_is_told_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    choice = threefold(capsys, "compare", "run", "--out", "x", "--paper", "icpr")
    assert_one_sentence(choice, "--paper: expected one of 'articulated', 'cape'", ", got icpr;")
    assert "Union" not in choice.complaint
    number = threefold(capsys, "reconstruct", "a.png", "--run", "x", "--out", "x", "--frame", "two")
    assert_one_sentence(number, "--frame: expected int, got two;")
    several = threefold(capsys, "reconstruct", "a.png", "b.png", "--run", "x", "--out", "x", "--yaws", "0", "east")
    assert_one_sentence(several, "--yaws element 2: expected float, got east;")


def test_a_refused_command_shows_no_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = threefold(capsys, "synthesize", "bodies", "--out", tmp_path / "x", "--num", 0)
    assert_one_sentence(answer, "give 3 or more")
    assert answer.complaint.startswith("threefold: ")


def test_a_benchmark_that_cannot_be_run_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(bench, "cuda_is_available", lambda: False)
    assert_one_sentence(threefold(capsys, "bench", "rasterizer", "--repeats", "0"), "--repeats 0")
    assert_one_sentence(threefold(capsys, "bench", "rasterizer", "--device", "tpu"), "--device", "tpu")
    assert_one_sentence(threefold(capsys, "bench", "rasterizer", "--device", "cuda"), "--device cuda", "cpu")


class SurpriseError(Exception):
    pass


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(SurpriseError), mistakes_as_sentences(debug=False):
        raise SurpriseError


def test_debug_lets_every_error_through() -> None:
    with pytest.raises(UserError), mistakes_as_sentences(debug=True):
        raise UserError("a sentence")


def test_a_value_error_from_a_library_is_no_mistake_of_the_users() -> None:
    with pytest.raises(ValueError, match="three") as caught:
        int("three")
    assert explanation(caught.value) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "out/fine.obj"),
            "the disk is full while writing out/fine.obj",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.jpg"), "a.jpg does not exist"),
        (PermissionError(errno.EACCES, "Permission denied", "a.jpg"), "a.jpg may not be read or written"),
    ],
)
def test_the_operating_systems_refusals_become_sentences(error: OSError, words: str) -> None:
    assert words in str(explanation(error))


def test_an_interrupted_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, mistakes_as_sentences(debug=False):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err


def paint(pictures: list[str], box: tuple[int, int] | None = None, coats: int = 1) -> tuple:
    """Paints pictures.

    Args:
        pictures: which.
        box: where.
        coats: how often.
    """
    return pictures, box, coats


def test_a_signature_becomes_a_command_line() -> None:
    assert call(paint, ["a", "b", "--box", "3", "4", "--coats", "2"], verb="paint") == (["a", "b"], [3, 4], 2)
    assert call(paint, ["a"], verb="paint") == (["a"], None, 1)
    with pytest.raises(UserError, match="pictures"):
        call(paint, [], verb="paint")
