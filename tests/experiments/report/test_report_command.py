"""`threefold report`: one file that is whole, escaped, and says what is missing; and what it refuses."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.report.shown_run import write_begun_run, write_shown_run

ADDRESSES = {"src", "href", "srcset", "action", "data", "poster"}


class Elements(HTMLParser):
    """Every element's name and attributes, and the text of the page without its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data: str) -> None:
        if self.inside not in {"script", "style"}:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_a_page_shows_every_part_and_asks_for_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [write_shown_run(tmp_path / f"birds-seed{seed}", seed=seed) for seed in (0, 1)]
    out = tmp_path / "report.html"
    answer = threefold(capsys, "report", *runs, "--out", out)
    assert answer.status == 0, answer
    page = out.read_text(encoding="utf-8")
    elements = Elements(page)
    words = " ".join(elements.text.split())
    for address in (value for _, found in elements.found for name, value in found.items() if name in ADDRESSES):
        assert str(address).startswith(("data:", "#")), address
    for part in ("0123456789abcdef", "A Processor", "threefold fit", "12 files, 3.0 MiB", "learning_rate: 0.001"):
        assert part in words
    assert "0.65 ± 0.071 (2)" in words, "ours beside the paper, over two seeds"
    assert "CMR, predicted camera (quoted)" in words
    assert page.count('class="quoted"') == 2
    assert "seed_everything" in words, "the setting in which the runs differ"
    assert "/nowhere/birds" in words
    assert words.count("The cases are not drawn") == 2, "there is no checkpoint"
    meshes = [attributes for attributes in elements.all("figure") if attributes.get("class") == "mesh"]
    assert len(meshes) == 6
    pictures = elements.all("img")
    assert all(picture["alt"] for picture in pictures)
    assert any("train/loss over the epochs" in str(picture["alt"]) for picture in pictures)
    assert "Panel of" in str([picture["alt"] for picture in pictures])
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_what_comes_from_files_is_only_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = '</pre><script>alert("1")</script><img src=x onerror=alert(2)>'
    run = write_shown_run(tmp_path / "a<b>&'", config={"note": bad}, command=bad)
    (run / "panels" / "epoch-0001.png").rename(run / "panels" / 'x" onload="alert(3).png')
    (run / "meshes" / "bare.glb").rename(run / "meshes" / "<i>.glb")
    values = json.loads((run / "metrics.json").read_text())
    values["test"]["test/<b>"] = 1.0
    (run / "metrics.json").write_text(json.dumps(values))
    (run / "metrics.csv").write_text("epoch,step,val/$x<u>\n0,1,2\n1,2,3\n")
    out = tmp_path / "report.html"
    assert threefold(capsys, "report", run, "--out", out).status == 0
    elements = Elements(out.read_text(encoding="utf-8"))
    scripts = elements.all("script")
    assert [script.get("class") for script in scripts] == ["glb"] * 3 + [None] * 2
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert not elements.all("i")
    assert not elements.all("u")
    assert all(str(picture["src"]).startswith("data:") for picture in elements.all("img"))
    assert 'alert("1")' in elements.text, "it is shown, as text"
    policy = next(str(meta["content"]) for meta in elements.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in policy
    assert policy.count("sha256-") == 2


def test_a_run_that_has_just_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = write_begun_run(tmp_path / "begun"), tmp_path / "page.html"
    assert threefold(capsys, "report", run, "--out", out).status == 0
    elements = Elements(out.read_text(encoding="utf-8"))
    for sentence in (
        "No figures were measured yet",
        "This run holds no panels",
        "The run holds no scores of single test samples",
        "This run holds no meshes",
        "not finished",
    ):
        assert sentence in elements.text
    assert not elements.all("script"), "nothing to turn, nothing to run"
    assert any("val/ssim" in str(picture["alt"]) for picture in elements.all("img"))


def test_best_and_worst_stand_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = write_shown_run(tmp_path / "run"), tmp_path / "page.html"
    assert threefold(capsys, "report", run, "--out", out, "--cases", 2, "--by", "mask_iou_soft").status == 0
    page = out.read_text(encoding="utf-8")
    assert re.findall(r"<b>sample (\d+)</b>", page) == ["0", "3", "4", "1"]
    assert "where more is better" in page
    assert threefold(capsys, "report", run, "--out", out, "--cases", 1, "--by", "chamfer").status == 0
    assert re.findall(r"<b>sample (\d+)</b>", out.read_text(encoding="utf-8")) == ["0", "4"]
    assert "where less is better" in out.read_text(encoding="utf-8")


def test_damaged_pictures_and_meshes_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = write_shown_run(tmp_path / "run"), tmp_path / "page.html"
    panel, mesh = run / "panels" / "epoch-0002.png", run / "meshes" / "textured.glb"
    panel.write_bytes(panel.read_bytes()[:300])
    mesh.write_bytes(mesh.read_bytes()[:500])
    assert threefold(capsys, "report", run, "--out", out).status == 0
    text = Elements(out.read_text(encoding="utf-8")).text
    assert "epoch-0002.png is not shown, it is no readable picture" in text
    assert "textured.glb is not shown" in text


def test_wrong_wishes_are_one_sentence_and_leave_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = write_shown_run(tmp_path / "run"), tmp_path / "page.html"
    out.write_text("as before")
    empty = tmp_path / "empty"
    empty.mkdir()
    bad = write_begun_run(tmp_path / "bad")
    (bad / "config.yaml").write_text("a: [")
    torn = write_shown_run(tmp_path / "torn")
    (torn / "provenance.json").write_text("[]")
    for words, parts in (
        ((run, "--out", tmp_path / "page.pdf"), ("page.pdf", ".html")),
        ((run, "--out", tmp_path), (tmp_path, ".html")),
        ((empty, "--out", out), (empty, "metrics.json")),
        ((tmp_path / "nowhere", "--out", out), ("nowhere",)),
        ((bad, "--out", out), ("config.yaml", "YAML")),
        ((torn, "--out", out), ("provenance.json", "damaged")),
        ((run, "--out", out, "--by", "beauty"), ("beauty", "mask_iou_soft")),
        ((run, "--out", out, "--cases", "-1"), ("--cases",)),
        ((run, "--out", out, "--methods", "a", "b"), ("--methods",)),
        ((run, "--out", out, "--meshes", tmp_path / "no.glb"), ("no.glb",)),
    ):
        assert_one_sentence(threefold(capsys, "report", *words), *parts)
        assert out.read_text() == "as before"
    assert not (tmp_path / "page.pdf").exists()
    assert not list(tmp_path.glob(".*partial"))


def test_compare_writes_the_same_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [write_shown_run(tmp_path / f"{name}-{seed}", seed=seed) for name in ("old", "new") for seed in (0, 1)]
    out = tmp_path / "comparison"
    answer = threefold(capsys, "compare", *runs, "--out", out, "--plots", "false")
    assert answer.status == 0, answer
    text = Elements((out / "report.html").read_text(encoding="utf-8")).text
    assert "Differences, seed by seed" in text
    assert "new − old" in text
    assert "Plots were not asked for" in text
    assert "Test cases were not asked for" in text
    assert str(out / "report.html") in answer.printed
    assert (
        threefold(capsys, "compare", *runs, "--out", tmp_path / "plain", "--plots", "false", "--page", "false").status
        == 0
    )
    assert not (tmp_path / "plain" / "report.html").exists()
