"""The page of `eval`: it needs nothing but itself, shows what was found and says what was not."""

import html
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.eval.curves import FOLLOWS, LEAK, opening_figures
from lipsync_edge.eval.definitions import DEFINITIONS
from lipsync_edge.eval.evaluate import Evaluation
from lipsync_edge.eval.examples import examples
from lipsync_edge.eval.page import page
from lipsync_edge.eval.report import report
from lipsync_edge.eval.watch import MOUTH, Seen


def face(level: int) -> np.ndarray:
    return np.full((256, 256, 3), level, np.uint8)


@pytest.fixture
def found() -> Evaluation:
    out = Evaluation(frames=4, frames_without_face=1)
    out.metrics = {"psnr_frame": float("inf"), "opening_r": 0.51234}
    out.missing = {"lse_d": "no <b>model</b>", "fid": "no --inception"}
    out.curves = {
        "time": [0.0, 0.1, 0.2, 0.3],
        "opening": [0.01, 0.02, None, 0.02],
        "speaker_opening": [0.0] * 4,
    }
    made, real = Seen(), Seen()
    made.times = real.times = [0.0, 0.1, 0.2, 0.3]
    made.aligned_bgr = [face(100), face(110), None, face(120)]
    real.aligned_bgr = [face(100), None, face(100), face(125)]
    out.examples = examples(made, real)
    return out


def test_examples_are_moments_that_both_show_and_their_difference(found):
    assert [one.time for one in found.examples] == [0.0, 0.3]
    differences = [one.difference_bgr for one in found.examples]
    assert differences[0].shape == face(0)[MOUTH].shape
    assert [int(d.max()) for d in differences] == [0, 20]
    assert examples(Seen(), None) == []


def test_the_page_needs_nothing_else_and_says_everything(found):
    text = page(found, "a <clip>.mp4")
    assert "a &lt;clip&gt;.mp4" in text
    assert "&lt;b&gt;model" in text
    assert ">∞<" in text
    assert ">0.512<" in text
    for name in (*found.metrics, *found.missing):
        assert DEFINITIONS[name].label in text
    assert html.escape(DEFINITIONS["opening_r"].meaning) in text
    assert text.count("<img") == 6
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|<script|@import|url\(|https?://""", text)
    assert text.count("<polyline") == 2  # the result's last piece is one frame, and no line


def test_a_page_without_anything():
    text = page(Evaluation(), "nothing")
    assert "No frame shows a face" in text
    assert "No opening could be read" in text


def test_every_figure_has_a_definition():
    every = [*FOLLOWS, *LEAK, "lse_d", "lse_c", "av_offset", "fid", "seam", "tss", "flicker"]
    every += [f"{m}_{part}" for m in ("psnr", "ssim") for part in ("frame", "face", "mouth")]
    assert set(every) <= set(DEFINITIONS)
    assert all(one.label and one.meaning for one in DEFINITIONS.values())


def test_a_picture_without_matplotlib_is_an_error_and_a_page_is_not(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="matplotlib"):
        report(found, tmp_path / "page.png", "x")
    report(found, tmp_path / "page.html", "x")
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_written(found, tmp_path):
    with pytest.raises(OutputError):
        report(found, tmp_path / "none" / "page.html", "x")


def test_what_the_voice_brings_beyond_the_source():
    draws = np.random.default_rng(0)
    speaker, source, other = (draws.normal(size=400).astype(np.float32) for _ in range(3))
    copied = opening_figures(source, speaker, source)
    assert copied["source_r"][0] == pytest.approx(1)
    assert copied["opening_r"][0] == copied["chance_r"][0]
    assert copied["voice_r"][0] is None
    mixed = opening_figures(speaker + source, speaker, source)
    assert mixed["source_r"][0] == pytest.approx(0.71, abs=0.05)
    assert mixed["voice_r"][0] == pytest.approx(1, abs=1e-3)
    assert abs(opening_figures(other + source, speaker, source)["voice_r"][0]) < 0.15
    alone = opening_figures(source, speaker, None)
    assert alone["opening_r"][0] is not None
    assert all(alone[name][0] is None for name in LEAK)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its driver")
def test_a_browser_shows_every_picture_and_fits_the_page_in_its_window(found, tmp_path: Path):
    webdriver = pytest.importorskip("selenium.webdriver")
    report(found, tmp_path / "page.html", "x")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=900,900"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.get((tmp_path / "page.html").as_uri())
        shown, wide, window = driver.execute_script(
            "return [[...document.images].map(i => i.naturalWidth), document.body.scrollWidth, innerWidth]"
        )
    finally:
        driver.quit()
    assert shown == [256] * 4 + [112] * 2
    assert wide <= window
