"""A text-to-speech command: what it writes is said, and what goes wrong with it is told."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.errors import UsageError
from lipsync_edge.server.tts import command_of
from lipsync_edge.server.ways import Ways
from tests.live.fakes import speech
from tests.server.fixture import Served, served
from tests.server.test_app import said, slots_of, wav

SOUND = to_int16(speech(0.6, rate=22_050))
PROGRAM = """
import sys, time
text = sys.stdin.read().strip()
if text == "nothing":
    sys.exit(0)
if text == "noise":
    sys.stdout.write("not a sound at all")
    sys.exit(0)
data = open(sys.argv[1], "rb").read()
if text == "unknown length":  # as programs write that do not know it yet
    data = data[:4] + b"\\xff\\xff\\xff\\xff" + data[8:40] + b"\\xff\\xff\\xff\\xff" + data[44:]
for at in range(0, len(data), 4001):
    sys.stdout.buffer.write(data[at : at + 4001])
    sys.stdout.flush()
if text == "hangs":
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tts")
    (folder / "say.py").write_text(PROGRAM)
    (folder / "said.wav").write_bytes(wav(SOUND, 22_050))
    words = (sys.executable, str(folder / "say.py"), str(folder / "said.wav"))
    with served(ways=Ways(webrtc=False, tts=words)) as it:
        yield it


def post(server: Served, text: str, **options: float) -> httpx.Response:
    return httpx.post(f"{server.http}/api/say", content=text.encode(), timeout=options.get("timeout", 20))


@pytest.mark.parametrize("text", ["hello", "unknown length"])
def test_a_text_is_said(server: Served, text: str) -> None:
    with connect(f"{server.ws}/api/view") as viewer:
        answer = post(server, text)
        assert answer.status_code == 202
        assert answer.json()["seconds"] == pytest.approx(0.6, abs=0.01)
        got, events = slots_of(viewer, 1.5)
    assert events[:2] == ["hello", "speech_start"]
    assert np.abs(said(got).astype(float)).mean() > 100


@pytest.mark.parametrize(("text", "status"), [("", 400), ("x" * 5001, 400), ("nothing", 502), ("noise", 502)])
def test_what_cannot_be_said_is_refused(server: Served, text: str, status: int) -> None:
    answer = post(server, text)
    assert answer.status_code == status
    assert answer.json()["error"].startswith("expected")


def test_an_interrupt_ends_the_command(server: Served) -> None:
    began = time.monotonic()
    with connect(f"{server.ws}/api/view") as viewer:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(post, server, "hangs", timeout=40)
            while not any(m["state"] == "speech" for m in slots_of(viewer, 0.2)[0]):
                assert time.monotonic() - began < 15
            httpx.post(f"{server.http}/api/interrupt")
            assert answer.result().status_code in (202, 409, 502)
    assert time.monotonic() - began < 30  # not the minute for which it hangs


def test_without_a_command_nothing_is_said() -> None:
    with served(ways=Ways(webrtc=False)) as server:
        assert post(server, "hello").status_code == 501


def test_a_command_is_checked() -> None:
    assert command_of(f"{sys.executable} -c 'a b'") == (sys.executable, "-c", "a b")
    for wrong in ("no-such-program --stdout", "'", ""):
        with pytest.raises(UsageError, match="--tts"):
            command_of(wrong)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng")
def test_espeak_speaks(tmp_path: Path) -> None:
    with served(ways=Ways(webrtc=False, tts=command_of("espeak-ng --stdin --stdout"))) as server:
        answer = post(server, "Good morning.")
        assert answer.status_code == 202
        assert 0.4 < answer.json()["seconds"] < 3
