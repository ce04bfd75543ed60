"""The page in a real browser: it plays in step, the mouth moves with speech, an interrupt stops it."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from tests.live.fakes import RATE, make_avatar, make_engine, open_stream, speech
from tests.server.fixture import Served, served
from tests.server.test_app import post_wav

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its driver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required --window-size=640,640"
)
SOCKET = "/?transport=socket"
# level of the sound that leaves the page, and how bright the mouth is, at the same times of the audio clock
WATCH = """
const analyser = context.createAnalyser();
for (const name of ["createBufferSource"]) {
  const make = context[name].bind(context);
  context[name] = () => { const s = make(); s.connect(analyser); return s; };
}
window.watched = [];
const wave = new Float32Array(1024);
setInterval(() => {
  analyser.getFloatTimeDomainData(wave);
  const level = Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length);
  const s = canvas.width / 96;
  const pixels = painter.getImageData(40 * s, 58 * s, 16 * s, 10 * s).data;
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 4) sum += pixels[i];
  window.watched.push([context.currentTime, level, sum / (pixels.length / 4), lipsync.slot]);
}, 20);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served() as it:
        yield it


@pytest.fixture
def page(server: Served) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.get(server.http + SOCKET)
        wait(lambda: told(driver)["shown"] > 10)
        yield driver
    finally:
        driver.quit()


def told(page: Any) -> dict[str, Any]:
    return page.execute_script("return {...window.lipsync, interrupt: 0, context: context && context.state}")


def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_the_page_lives_on_and_speaks_in_step(server: Served, page: Any) -> None:
    state = told(page)
    assert state["connected"]
    assert state["error"] == ""
    assert state["context"] == "running"
    assert state["state"] == "idle"
    page.execute_script(WATCH)
    before = told(page)
    bursts = np.concatenate([np.r_[speech(0.4) * 2, np.zeros(RATE * 4 // 5, np.float32)] for _ in range(4)])
    assert post_wav(server, to_int16(bursts)).status_code == 202
    wait(lambda: told(page)["state"] == "speech")
    wait(lambda: told(page)["state"] == "idle")
    after = told(page)
    assert after["shown"] - before["shown"] > 60
    assert after["events"].count("speech_start") >= 2  # a busy machine may drop the frames of a pause
    assert after["events"].count("speech_end") == after["events"].count("speech_start")
    at, level, mouth, _ = np.array(page.execute_script("return window.watched")).T
    loud, open_ = level > 0.02, mouth > np.median(mouth[level < 1e-4]) + 8
    assert loud.any()
    assert open_.any()
    # the mouth and the sound swell at the same times: the lag that fits best is small
    grid = np.arange(at[0], at[-1], 0.01)
    sound = np.interp(grid, at, loud.astype(float))
    sight = np.interp(grid, at, open_.astype(float))
    lags = range(-40, 41)
    fits = [float(np.corrcoef(np.roll(sound, lag)[50:-50], sight[50:-50])[0, 1]) for lag in lags]
    best = lags[int(np.argmax(fits))] * 10
    print(f"the mouth fits the sound best {best} ms after it, correlation {max(fits):.2f}")
    assert max(fits) > 0.6
    assert abs(best) <= 120


def test_interrupt_stops_sound_and_mouth(server: Served, page: Any) -> None:
    post_wav(server, to_int16(np.tile(speech(1.0) * 2, 6)))
    wait(lambda: told(page)["state"] == "speech" and told(page)["sounding"] > 0)
    httpx.post(f"{server.http}/api/interrupt")
    wait(lambda: "interrupt" in told(page)["events"], 1.0)
    assert told(page)["sounding"] == 0
    wait(lambda: told(page)["state"] == "idle", 1.0)
    slot = told(page)["slot"]
    wait(lambda: told(page)["slot"] > slot + 10)  # it lives on
    assert told(page)["state"] == "idle"
    assert told(page)["sounding"] == 0


def test_the_page_comes_back_after_the_server_was_away(tmp_path: Path) -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    engine = make_engine()
    avatar = make_avatar(engine)
    assert len(avatar) == 6
    broken = []

    def opener() -> Any:
        stream = open_stream()
        broken.append(stream)
        return stream

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    try:
        with served(opener=opener) as server:
            driver.get(server.http + SOCKET)
            wait(lambda: told(driver)["shown"] > 5)
            broken[0]._pictures.ask = fail
            wait(lambda: "broken on purpose" in told(driver)["error"])
            shown = told(driver)["shown"]
            wait(lambda: told(driver)["shown"] > shown + 5)  # it came back by itself
            assert told(driver)["error"] == ""
            assert driver.get_screenshot_as_file(str(tmp_path / "page.png"))
    finally:
        driver.quit()


def test_the_page_says_at_first_contact_that_the_face_is_synthetic(page: Any) -> None:
    shown = "const e = document.getElementById('notice'); "
    shown += "return !e.hidden && e.getClientRects().length && e.textContent"
    page.refresh()
    assert "synthetic" in page.execute_script(shown)
    for name in ("badge", "face"):
        label = f"return document.getElementById('{name}').getAttribute('aria-label')"
        assert "AI" in page.execute_script(label)
    page.execute_script("document.getElementById('notice').hidden = true")
    again = "dispatchEvent(new CustomEvent('lipsync', {detail: {event: 'speech_start'}}))"
    page.execute_script(again)
    assert "synthetic" in page.execute_script(shown)  # somebody else may stand there now
    page.execute_script(f"document.getElementById('notice').hidden = true; {again}")
    assert not page.execute_script(shown)
