"""The server's API over real sockets: viewers, speech in three ways, interrupts, who is refused."""

import asyncio
import io
import json
import re
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import httpx
import numpy as np
import pytest
from starlette.types import Message
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.auth import Guard, Limits
from lipsync_edge.server.protocol import HEADER, pack, unpack
from lipsync_edge.server.speak import SpeechReceiver
from tests.live.fakes import RATE, open_stream, speech
from tests.live.test_sinks import make_slot
from tests.server.fixture import Served, served

SOUND = to_int16(speech(0.6))


def wav(pcm: np.ndarray, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm.tobytes())
    return file.getvalue()


def post_wav(server: Served, pcm: np.ndarray, **options) -> httpx.Response:
    return httpx.post(
        f"{server.http}/api/speak", content=wav(pcm), headers={"content-type": "audio/wav"}, **options
    )


def slots_of(viewer: ClientConnection, seconds: float) -> tuple[list[dict], list[str]]:
    """What a viewer gets in so many seconds: slots and events."""
    got, events, end = [], [], time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            message = viewer.recv(timeout=left)
        except TimeoutError:
            break
        if isinstance(message, bytes):
            got.append(unpack(message))
        else:
            events.append(json.loads(message).get("event", "hello"))
    return got, events


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(limits=Limits(sessions=2, viewers=2, upload_bytes=200_000, stall_s=0.5)) as it:
        yield it


def said(got: list[dict]) -> np.ndarray:
    """The sound of the utterances; a busy machine drops pictures, never their sound."""
    heard = [
        m["pcm"]
        for m in got
        if m["state"] in ("speech", "silence") or (m["state"] == "late" and m["pcm"].any())
    ]
    return np.concatenate([*heard, np.zeros(0, np.int16)])


def test_a_slot_survives_the_wire() -> None:
    for item in (make_slot(7, 200), make_slot(2**32 + 1, None, "late", samples=0)):
        back = unpack(pack(item, quality=90))
        assert back["slot"] == item.index % 2**32
        assert back["state"] == item.state
        assert np.array_equal(back["pcm"], item.pcm)
        assert (back["jpeg"] == b"") == (item.image_bgr is None)
    for broken in (b"", HEADER.pack(1, 9, 0, 0), HEADER.pack(1, 0, 4, 0)):
        with pytest.raises(ValueError, match="slot"):
            unpack(broken)


def test_a_viewer_sees_it_live_on_and_speak_what_was_uploaded(server: Served) -> None:
    with connect(f"{server.ws}/api/view") as viewer:
        hello = json.loads(viewer.recv(timeout=5))
        assert hello == {"type": "hello", "fps": 25.0, "rate": RATE, "width": 96, "height": 96}
        idle, _ = slots_of(viewer, 0.3)
        assert {m["state"] for m in idle} == {"idle"}
        answer = post_wav(server, SOUND)
        assert answer.status_code == 202
        assert answer.json() == {"state": "done", "seconds": pytest.approx(0.6)}
        got, events = slots_of(viewer, 1.2)
    assert events == ["speech_start", "speech_end"]
    assert np.array_equal(said(got)[: len(SOUND)], SOUND)
    slots = [m["slot"] for m in idle + got]
    assert slots == list(range(slots[0], slots[0] + len(slots)))

    def mouth(m: dict) -> float:
        return float(cv2.imdecode(np.frombuffer(m["jpeg"], np.uint8), 1)[58:68, 40:56].mean())

    loud = max(mouth(m) for m in got if m["state"] == "speech" and m["jpeg"])
    still = max(mouth(m) for m in idle if m["jpeg"])
    assert loud > still + 20


def test_streamed_pcm_of_another_rate_is_spoken_as_it_comes(server: Served) -> None:
    fast = to_int16(speech(0.5, rate=48_000))

    def body() -> Iterator[bytes]:
        data = fast.tobytes()
        for i in range(0, len(data), 4801):  # odd on purpose
            yield data[i : i + 4801]

    with connect(f"{server.ws}/api/view") as viewer:
        answer = httpx.post(
            f"{server.http}/api/speak", content=body(), headers={"content-type": "audio/pcm;rate=48000"}
        )
        assert answer.json()["seconds"] == pytest.approx(0.5, abs=0.01)
        got, _ = slots_of(viewer, 1.0)
    assert len(said(got)) >= 0.48 * RATE


def test_a_stalled_body_ends_its_utterance(server: Served) -> None:
    def body() -> Iterator[bytes]:
        yield SOUND[:4000].tobytes()
        time.sleep(1.0)
        yield SOUND.tobytes()

    answer = httpx.post(f"{server.http}/api/speak", content=body(), headers={"content-type": "audio/pcm"})
    assert answer.json()["seconds"] == pytest.approx(4000 / RATE)


def test_a_socket_speaks_utterance_after_utterance(server: Served) -> None:
    with connect(f"{server.ws}/api/view") as viewer, connect(f"{server.ws}/api/speak?rate={RATE}") as speaker:
        for _ in range(2):
            for i in range(0, len(SOUND), 1000):
                speaker.send(SOUND[i : i + 1000].tobytes())
            speaker.send("end")
            assert json.loads(speaker.recv(timeout=5)) == {"type": "done", "seconds": pytest.approx(0.6)}
        got, _ = slots_of(viewer, 2.0)
    assert np.array_equal(said(got)[: len(SOUND)], SOUND)
    assert len(said(got)) >= 2 * len(SOUND)


@pytest.mark.parametrize("way", ["post", "viewer", "speaker"])
def test_interrupt_stops_it_at_once(server: Served, way: str) -> None:
    long = np.tile(SOUND, 8)  # 4.8 s
    with connect(f"{server.ws}/api/view") as viewer, connect(f"{server.ws}/api/speak") as speaker:
        speaker.send(long.tobytes())
        got, _ = slots_of(viewer, 0.5)
        assert any(m["state"] == "speech" for m in got)
        if way == "post":
            assert httpx.post(f"{server.http}/api/interrupt").status_code == 200
        else:
            (viewer if way == "viewer" else speaker).send("interrupt")
        message, began = "", time.monotonic()
        while not (isinstance(message, str) and "interrupt" in message):
            message = viewer.recv(timeout=2)
        assert time.monotonic() - began < 0.5
        after, _ = slots_of(viewer, 0.4)
        assert after
        assert all(m["state"] in ("idle", "late") and not m["pcm"].any() for m in after)
        if way != "speaker":
            speaker.send("end")
        assert json.loads(speaker.recv(timeout=2))["type"] in ("interrupted", "done")
        speaker.send(SOUND.tobytes())  # the next utterance is heard
        speaker.send("end")
        got, _ = slots_of(viewer, 1.0)
        assert np.array_equal(said(got)[: len(SOUND)], SOUND)


def test_callers_take_turns(server: Served) -> None:
    with connect(f"{server.ws}/api/view") as viewer, ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(post_wav, server, np.full(6400, value, np.int16)) for value in (5000, 9000)]
        assert [a.result().status_code for a in answers] == [202, 202]
        got, _ = slots_of(viewer, 1.5)
    pcm = said(got)
    loud = pcm[pcm > 0]
    assert len(loud) == 12_800
    assert np.count_nonzero(np.diff(loud.astype(int))) == 1  # one after the other, not mixed


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"RIFF", "headers": {"content-type": "audio/wav"}}, 400),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"x", "headers": {"content-type": "audio/pcm;rate=7"}}, 400),
        ({"content": b"x" * 200_001, "headers": {"content-type": "audio/wav"}}, 413),
        ({"content": b"", "params": {"session": "nobody"}}, 404),
        ({"content": b"", "params": {"session": "../x"}}, 400),
    ],
)
def test_what_cannot_be_said_is_refused(server: Served, request_: dict, status: int) -> None:
    answer = httpx.post(f"{server.http}/api/speak", **request_)
    assert answer.status_code == status
    assert answer.json()["error"].startswith("expected")


def test_sessions_and_viewers_are_limited_and_sessions_end_with_their_viewers(server: Served) -> None:
    with connect(f"{server.ws}/api/view?session=two") as two:
        two.recv(timeout=5)
        with (
            connect(f"{server.ws}/api/view?session=three") as three,
            pytest.raises(ConnectionClosed, match="at most 2"),
        ):
            three.recv(timeout=5)
        with connect(f"{server.ws}/api/view?session=two") as second:
            second.recv(timeout=5)
            with (
                connect(f"{server.ws}/api/view?session=two") as third,
                pytest.raises(ConnectionClosed, match="viewers"),
            ):
                third.recv(timeout=5)
    end = time.monotonic() + 5
    while "two" in httpx.get(f"{server.http}/health").json()["sessions"]:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_health_tells_of_every_session(server: Served) -> None:
    report = httpx.get(f"{server.http}/health").json()
    assert report["ok"] is True
    main = report["sessions"]["main"]
    assert main["running"]
    assert main["slots"] > 0
    assert main["rss_bytes"] > 0
    assert main["stream"]["error"] == ""


def test_the_page_and_its_script_are_served(server: Served) -> None:
    page = httpx.get(f"{server.http}/").text
    for name in re.findall(r'src="(\w+\.js)"', page):
        assert '"use strict";' in httpx.get(f"{server.http}/{name}").text
    assert "page.js" in page


def test_who_sent_too_much_is_told_though_all_of_it_was_said_since() -> None:
    class Flood:
        async def receive(self) -> dict[str, object]:
            return {"type": "websocket.receive", "bytes": bytes(100)}

    async def talk() -> tuple[int, bool]:
        speaker, said = SpeechReceiver(Flood(), None, Limits(upload_bytes=250)), 0  # type: ignore[arg-type]
        await speaker.read()
        while (piece := await speaker.first()) is not None:
            said += len(piece)
        return said, speaker.is_too_much

    assert asyncio.run(talk()) == (300, True)


@pytest.mark.parametrize("header", [b"host", b"origin"])
def test_names_that_cannot_be_read_are_refused(header: bytes) -> None:
    headers = {b"host": b"localhost"} | {header: b"http://[::1" if header == b"origin" else b"[::1"}
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": list(headers.items())}
    sent: list[Message] = []

    async def call() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        await Guard(failing)(scope, failing, send)  # type: ignore[arg-type]

    asyncio.run(call())
    assert sent[0]["status"] == 403


def failing(*_: object) -> None:
    raise AssertionError("it was let in")


def test_other_sites_are_refused(server: Served) -> None:
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        assert httpx.get(f"{server.http}/health", headers=headers).status_code == 403
    with pytest.raises(InvalidStatus), connect(f"{server.ws}/api/view", origin="http://evil.example"):
        pass
    own = {"origin": server.http}
    assert httpx.get(f"{server.http}/health", headers=own).status_code == 200


def test_the_token_is_asked_for() -> None:
    with served(token="s3cret") as server:  # noqa: S106
        assert httpx.post(f"{server.http}/api/interrupt").status_code == 401
        assert httpx.post(f"{server.http}/api/interrupt", params={"token": "s3cre"}).status_code == 401
        good = {"authorization": "Bearer s3cret"}
        assert httpx.post(f"{server.http}/api/interrupt", headers=good).status_code == 200
        with pytest.raises(InvalidStatus), connect(f"{server.ws}/api/view"):
            pass
        with connect(f"{server.ws}/api/view?token=s3cret") as viewer:
            assert "hello" in str(viewer.recv(timeout=5))


def test_a_session_that_fails_is_told_to_viewers_callers_and_health_and_opened_again() -> None:
    streams: list[Stream] = []

    def opener() -> Stream:
        streams.append(open_stream())
        return streams[-1]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    with served(opener=opener) as server:
        with connect(f"{server.ws}/api/view") as viewer:
            viewer.recv(timeout=5)
            streams[0]._pictures.ask = broken  # a picture at rest is not rendered again
            messages = list(viewer)  # ends because the server closes it
        assert "broken on purpose" in messages[-1]
        assert httpx.get(f"{server.http}/health").status_code == 503
        assert post_wav(server, SOUND).status_code == 503
        with connect(f"{server.ws}/api/view") as viewer:
            viewer.recv(timeout=5)
            assert slots_of(viewer, 0.3)[0]
        assert httpx.get(f"{server.http}/health").status_code == 200


def test_a_session_that_cannot_be_opened_is_told_and_the_server_goes_on() -> None:
    opened = []

    def opener() -> Stream:
        if opened:
            raise RuntimeError("out of memory on purpose")
        opened.append(open_stream())
        return opened[0]

    with served(opener=opener) as server:
        with (
            connect(f"{server.ws}/api/view?session=two") as viewer,
            pytest.raises(ConnectionClosed, match="on purpose"),
        ):
            viewer.recv(timeout=5)
        with connect(f"{server.ws}/api/view") as viewer:
            assert "hello" in str(viewer.recv(timeout=5))
