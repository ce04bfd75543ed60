"""A moving avatar in a real browser: its loop comes from what was encoded before, into speech and out of it."""

import time
from typing import Any

import numpy as np
import pytest

from lipsync_edge.audio.resample import to_int16
from tests.live.fakes import FPS, speech
from tests.server.chromium import NEEDED, chromium, told, wait
from tests.server.fixture import served
from tests.server.moving import PERIOD, SIDE, STEP, moving_stream
from tests.server.test_app import post_wav

pytest.importorskip("aiortc")
pytestmark = NEEDED

from lipsync_edge.server.rtc.encode import RtcVideoEncoder  # noqa: E402 - only where aiortc is
from lipsync_edge.server.rtc.pictures import CHAIN_S  # noqa: E402

TURN_S = PERIOD / float(FPS)
# where the disc is whenever a picture is shown, in pixels of the film: the mean place of what is blue at the bottom
WATCH = f"""
window.places = [];
const strip = new OffscreenCanvas({SIDE}, 24), ink = strip.getContext("2d", {{willReadFrequently: true}});
video.requestVideoFrameCallback(function look(now, {{expectedDisplayTime}}) {{
  ink.drawImage(video, 0, {SIDE} - 24, {SIDE}, 24, 0, 0, {SIDE}, 24);
  const {{data}} = ink.getImageData(0, 0, {SIDE}, 24);
  let [sum, weight] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {{
    const blue = Math.max(0, data[i + 2] - data[i] - 60);
    sum += blue * ((i / 4) % {SIDE});
    weight += blue;
  }}
  places.push([expectedDisplayTime, weight ? sum / weight : -1]);
  video.requestVideoFrameCallback(look);
}});
"""
STATS = """
const done = arguments[arguments.length - 1];
rtc.connection.getStats().then((stats) => stats.forEach((one) => {
  if (one.type === "inbound-rtp" && one.kind === "video") done(one);
}));
"""


def stats(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.execute_async_script(STATS)
    return found


def test_a_loop_goes_on_from_idle_to_speech_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[bool] = []
    encode = RtcVideoEncoder.encode

    def noted(self: RtcVideoEncoder, *args: Any, **options: Any) -> Any:
        encoded.append(True)
        return encode(self, *args, **options)

    monkeypatch.setattr(RtcVideoEncoder, "encode", noted)
    with served(opener=moving_stream) as server, chromium() as page:
        page.get(f"{server.http}/?transport=webrtc")
        wait(lambda: told(page)["shown"] > 10, 60)
        page.execute_script(WATCH)

        def rests() -> bool:
            before = len(encoded)
            time.sleep(TURN_S)
            return len(encoded) == before

        wait(rests, 60)
        before = stats(page)
        time.sleep(2.2 * TURN_S)
        assert rests()  # more than two turns of it came from what is kept
        post_wav(server, to_int16(speech(2.0)))
        wait(lambda: told(page)["state"] == "speech")
        spoken = len(encoded)
        wait(lambda: told(page)["state"] == "idle", 30)
        assert len(encoded) > spoken
        time.sleep(CHAIN_S + TURN_S)
        wait(rests, 30)
        after, places = stats(page), np.array(page.execute_script("return window.places"))
        dropped = server.app.state.sessions.all["main"].live.health().dropped
    assert after["pliCount"] == before["pliCount"]  # nothing was asked for again
    assert after["framesDecoded"] - before["framesDecoded"] > 2 * PERIOD
    _moves_evenly(places, 0.5 + dropped / float(FPS))


def _moves_evenly(places: np.ndarray, longest: float) -> None:
    """Hold the disc's way against its speed: it never jumps, and never stands for `longest` seconds."""
    assert (places[:, 1] > 0).all()
    pauses = np.diff(places[:, 0]) / 1000
    ways = np.abs(np.diff(places[:, 1]))
    assert (ways <= STEP * (pauses * float(FPS) + 2)).all()
    assert np.median(ways) == pytest.approx(STEP, rel=0.3)
    assert pauses.max() < longest
