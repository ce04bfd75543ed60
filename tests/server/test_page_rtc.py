"""The page by WebRTC in a real browser: mouth and sound in step, an interrupt, the microphone, a text, the way back."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.live import watched
from lipsync_edge.audio.resample import to_int16
from lipsync_edge.live.slot import Slot
from lipsync_edge.pipeline.picture import WholePicture
from lipsync_edge.server.ways import Ways
from tests.live.fakes import RATE, open_stream, speech
from tests.server.chromium import NEEDED, chromium, told, wait
from tests.server.fixture import Served, served
from tests.server.test_app import post_wav, wav

pytest.importorskip("aiortc")
pytestmark = NEEDED
SIDE = 192
WATCH = (Path(watched.__file__).parent / "watch.js").read_text("utf-8")


def say_script(folder: Path) -> tuple[str, ...]:
    """A text-to-speech command: the same noise for every text, from a file."""
    file = folder / "said.wav"
    file.write_bytes(wav(to_int16(speech(1.0) * 2)))
    return ("sh", "-c", f"cat > /dev/null; cat {file}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ways = Ways(tts=say_script(tmp_path_factory.mktemp("tts")))
    with served(opener=lambda: open_stream(side=SIDE), ways=ways) as it:
        yield it


@pytest.fixture
def page(server: Served) -> Iterator[Any]:
    with chromium() as driver:
        driver.get(f"{server.http}/?transport=webrtc")
        wait(lambda: told(driver)["shown"] > 10, 60)
        yield driver


def seen(page: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times and brightness of pictures; times and level of sound."""
    pictures, sounds = page.execute_script("return [window.flashes, window.sounds]")
    return np.array(pictures).reshape(-1, 2), np.array(sounds).reshape(-1, 2)


def test_the_mouth_moves_with_the_sound_and_an_interrupt_stops_both(server: Served, page: Any) -> None:
    assert told(page)["transport"] == "webrtc"
    page.execute_script(WATCH)
    wait(lambda: len(seen(page)[0]) > 10 and len(seen(page)[1]) > 10)
    still = float(np.median(seen(page)[0][:, 1]))
    post_wav(server, to_int16(np.tile(speech(1.0) * 3, 8)))
    wait(lambda: told(page)["state"] == "speech")
    wait(lambda: seen(page)[0][:, 1].max() > still + 20 and seen(page)[1][:, 1].max() > 0.05)
    time.sleep(1.0)
    page.execute_script("window.stopped = performance.now(); document.getElementById('stop').click()")
    wait(lambda: "interrupt" in told(page)["events"], 5)
    time.sleep(1.5)
    pictures, sounds = seen(page)
    stopped = page.execute_script("return window.stopped")
    before = pictures[(pictures[:, 0] > stopped - 900) & (pictures[:, 0] < stopped), 1]
    assert before.max() > still + 20
    moving = pictures[pictures[:, 1] > still + 12, 0].max() - stopped
    loud = sounds[sounds[:, 1] > 0.01, 0].max() - stopped
    print(f"mouth still {moving:.0f} ms, sound silent {loud:.0f} ms after the button")
    assert moving < 200 + slack(pictures)
    assert loud < 200 + slack(pictures)
    assert told(page)["state"] == "idle"


def slack(pictures: np.ndarray) -> float:
    """What a busy machine held up in the browser itself: the longest pause between pictures beyond two slots."""
    return max(0.0, float(np.diff(pictures[:, 0]).max()) - 80.0)


def test_click_and_flash_come_together(server: Served) -> None:
    """Every second slot of 25 is white and clicks; what the browser shows and plays is compared on its own clock."""
    with served(opener=lambda: open_stream(side=SIDE)) as marked:
        sink = marked.app.state.sessions.all["main"].broadcaster
        write, click = sink.write, np.zeros(RATE // 25, np.int16)
        click[: len(click) // 2] = (20_000 * np.sin(np.arange(len(click) // 2) * 0.4)).astype(np.int16)

        def mark(slot: Slot) -> None:
            turn = slot.index % 25
            picture = WholePicture(np.full((SIDE, SIDE, 3), 255 if turn < 3 else 0, np.uint8))
            sink_pcm = click[: len(slot.pcm)] if turn == 0 else np.zeros_like(slot.pcm)
            write(replace(slot, pcm=sink_pcm, picture=picture if slot.picture else None))

        sink.write = mark
        with chromium() as driver:
            driver.get(f"{marked.http}/?transport=webrtc")
            wait(lambda: told(driver)["shown"] > 10, 60)
            driver.execute_script(WATCH)
            wait(lambda: together(*seen(driver)), 90)


def together(pictures: np.ndarray, sounds: np.ndarray) -> bool:
    """Whether the last five flashes and clicks came within 40 ms."""
    flashes, clicks = watched.rises(pictures, 128.0), watched.rises(sounds, 0.1)
    if len(flashes) < 5 or len(clicks) < 5:
        return False
    skews = [float(clicks[np.abs(clicks - flash).argmin()] - flash) for flash in flashes[-6:-1]]
    print("sound after picture, ms:", [round(skew) for skew in skews])
    return bool(np.abs(np.median(skews)) <= 40)


def test_what_the_microphone_hears_is_said(server: Served, page: Any) -> None:
    """The browser's fake microphone beeps once a second."""
    assert page.execute_script("return !document.getElementById('echo').hidden")
    before = server.app.state.sessions.all["main"].live.health().slots
    page.execute_script("document.getElementById('echo').click()")
    wait(lambda: told(page)["events"].count("speech_start") >= 1, 30)
    assert (
        page.execute_script("return document.getElementById('echo').getAttribute('aria-pressed')") == "true"
    )
    page.execute_script("document.getElementById('echo').click()")
    wait(lambda: told(page)["state"] == "idle", 30)
    wait(lambda: server.app.state.sessions.all["main"].speakers == 0, 10)
    assert server.app.state.sessions.all["main"].live.health().slots > before


def test_it_talks_while_the_button_is_held(page: Any) -> None:
    hold = "document.getElementById('talk').dispatchEvent(new PointerEvent('pointer%s', {pointerId: 1, bubbles: true}))"
    page.execute_script("HTMLElement.prototype.setPointerCapture = () => {}")
    page.execute_script(hold % "down")
    wait(lambda: "speech_start" in told(page)["events"], 30)
    page.execute_script(hold % "up")
    wait(lambda: told(page)["events"][-1:] == ["speech_end"], 30)


def test_a_text_is_said(page: Any) -> None:
    page.execute_script(
        "const form = document.getElementById('text'); form.elements.text.value = 'hello'; form.requestSubmit()"
    )
    wait(lambda: "speech_start" in told(page)["events"])
    wait(lambda: "speech_end" in told(page)["events"])
    assert page.execute_script("return document.getElementById('told').hidden")


def test_without_webrtc_it_plays_by_socket() -> None:
    with served(ways=Ways(webrtc=False)) as server, chromium() as driver:
        driver.get(server.http)
        wait(lambda: told(driver)["shown"] > 5)
        assert told(driver)["transport"] == "websocket"
        assert driver.execute_script("return document.getElementById('talk').hidden")


def test_a_connection_that_gives_no_picture_falls_back(server: Served) -> None:
    with chromium() as driver:
        driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.RTCPeerConnection"}
        )
        driver.get(server.http)
        wait(lambda: told(driver)["shown"] > 5)
        assert told(driver)["transport"] == "websocket"


def test_the_page_connects_again_after_its_session_failed(server: Served, page: Any) -> None:
    session = server.app.state.sessions.all["main"]
    shown = told(page)["shown"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    session.live.stream._pictures.ask = broken
    wait(lambda: httpx.get(f"{server.http}/health").status_code == 503)
    wait(lambda: told(page)["connected"] and told(page)["shown"] > shown + 20, 60)
    assert httpx.get(f"{server.http}/health").status_code == 200
