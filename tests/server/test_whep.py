"""WHEP with a real WebRTC client: pictures and sound in step, one encode for several viewers, what is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import numpy as np
import pytest

aiortc = pytest.importorskip("aiortc")

from aiortc.mediastreams import MediaStreamError  # noqa: E402

from lipsync_edge.audio.resample import to_int16  # noqa: E402
from lipsync_edge.errors import UsageError  # noqa: E402
from lipsync_edge.server.auth import Limits  # noqa: E402
from lipsync_edge.server.rtc.ice import servers_of  # noqa: E402
from lipsync_edge.server.ways import Ways  # noqa: E402
from tests.live.fakes import open_stream, speech  # noqa: E402
from tests.server.fixture import Served, served  # noqa: E402
from tests.server.test_app import post_wav  # noqa: E402

SIDE = 192


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(opener=lambda: open_stream(side=SIDE), limits=Limits(viewers=3, sessions=2)) as it:
        yield it


class Watching:
    """A client that keeps the times of what it gets: RTP time of pictures and sound, brightness and level."""

    def __init__(self, connection: Any, http: Any, location: str) -> None:
        self.connection, self.http, self.location = connection, http, location
        self.pictures: list[tuple[float, float]] = []
        self.sounds: list[tuple[float, float]] = []

    async def until(self, condition: Callable[[], bool], seconds: float = 40.0) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < end, "it did not happen in time"
            await asyncio.sleep(0.02)

    async def read(self, track: Any) -> None:
        try:
            while True:
                frame = await track.recv()
                now = asyncio.get_running_loop().time()
                if track.kind == "video":
                    grey = frame.to_ndarray(format="gray").astype(float)
                    mouth = grey[
                        round(0.6 * SIDE) : round(0.7 * SIDE), round(0.42 * SIDE) : round(0.58 * SIDE)
                    ]
                    self.pictures.append((now, float(mouth.mean())))
                else:
                    self.sounds.append((now, float(np.abs(frame.to_ndarray()).mean())))
        except MediaStreamError:
            return


@asynccontextmanager
async def watching(server: Served, query: str = "", codecs: tuple[str, ...] = ()) -> AsyncIterator[Watching]:
    peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    video = peer.addTransceiver("video", "recvonly")
    able = aiortc.RTCRtpReceiver.getCapabilities("video").codecs
    video.setCodecPreferences([one for one in able if not codecs or one.mimeType in codecs])
    peer.addTransceiver("audio", "recvonly")
    tasks = []
    client: Watching

    @peer.on("track")
    def track(one: Any) -> None:
        tasks.append(asyncio.ensure_future(client.read(one)))

    await peer.setLocalDescription(await peer.createOffer())
    async with httpx.AsyncClient(base_url=server.http) as http:
        client = Watching(peer, http, "")
        answer = await http.post(
            f"/whep{query}", content=peer.localDescription.sdp, headers={"content-type": "application/sdp"}
        )
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"].startswith("application/sdp")
        client.location = answer.headers["location"]
        await peer.setRemoteDescription(aiortc.RTCSessionDescription(answer.text, "answer"))
        try:
            yield client
        finally:
            await peer.close()
            for task in tasks:
                task.cancel()


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 120))  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
def test_a_viewer_sees_and_hears_it_speak(server: Served, codec: str) -> None:
    async def body() -> None:
        async with watching(server, codecs=(codec,)) as client:
            assert codec.split("/")[1] in client.connection.remoteDescription.sdp
            await client.http.post("/api/interrupt")  # what a test before had begun
            await client.until(lambda: len(client.pictures) > 30 and len(client.sounds) > 10)
            still = np.median([bright for _, bright in client.pictures[-10:]])
            answer = await asyncio.to_thread(post_wav, server, to_int16(speech(0.8) * 3))
            assert answer.status_code == 202
            await client.until(lambda: max(bright for _, bright in client.pictures) > still + 20)
            await client.until(lambda: max(level for _, level in client.sounds) > 500)
            gone = await client.http.delete(client.location)
            assert gone.status_code == 200
            assert (await client.http.delete(client.location)).status_code == 404

    run(body)


def test_several_viewers_share_one_encode(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from lipsync_edge.server.rtc.encode import RtcVideoEncoder

    encoders: list[RtcVideoEncoder] = []
    encode = RtcVideoEncoder.encode

    def noted(self: RtcVideoEncoder, *args: Any, **options: Any) -> Any:
        encoders.append(self)
        return encode(self, *args, **options)

    monkeypatch.setattr(RtcVideoEncoder, "encode", noted)

    async def body() -> None:
        async with watching(server) as one:
            await one.until(lambda: len(one.pictures) > 5)
            async with watching(server) as two:
                await two.until(lambda: len(two.pictures) > 5)  # it came late, and got a key picture
                session = server.app.state.sessions.all["main"].live
                encoders.clear()
                before = len(one.pictures), len(two.pictures), session.health().slots
                await one.until(lambda: len(one.pictures) > before[0] + 10, 40)
                await two.until(lambda: len(two.pictures) > before[1] + 10, 40)
                assert len(set(encoders)) == 1
                assert (
                    len(encoders) <= session.health().slots - before[2] + 2
                )  # one call a slot, not one a viewer
                report = (await one.http.get("/health")).json()["sessions"]["main"]
                assert report["webrtc"]["viewers"] == report["viewers"] == 2

    run(body)


def test_viewers_that_come_and_go_leave_nothing_behind(server: Served) -> None:
    async def body() -> None:
        async with httpx.AsyncClient(base_url=server.http) as http:
            for turn in range(4):
                async with watching(server, f"?session=s{turn}") as client:
                    await client.until(lambda: len(client.pictures) > 2)
                    if turn % 2:
                        await client.http.delete(client.location)
            end = asyncio.get_running_loop().time() + 40
            while len(server.app.state.peers) or len((await http.get("/health")).json()["sessions"]) > 1:
                assert asyncio.get_running_loop().time() < end
                await asyncio.sleep(0.1)

    run(body)


def test_seats_are_limited(server: Served) -> None:
    async def body() -> None:
        async with watching(server), watching(server), watching(server) as third:
            offer = third.connection.localDescription.sdp
            answer = await third.http.post(
                "/whep", content=offer, headers={"content-type": "application/sdp"}
            )
            assert answer.status_code == 429

    run(body)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [("v=0", "text/plain", 415), ("hello", "application/sdp", 400), ("x" * 100_001, "application/sdp", 413)],
)
def test_what_is_no_offer_is_refused(server: Served, content: str, kind: str, status: int) -> None:
    before = len(server.app.state.peers)
    answer = httpx.post(f"{server.http}/whep", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["error"].startswith("expected")
    assert len(server.app.state.peers) <= before


def test_the_token_is_asked_for_and_webrtc_may_be_left_out() -> None:
    with served(token="s3cret", ways=Ways(webrtc=False)) as server:  # noqa: S106
        assert httpx.post(f"{server.http}/whep").status_code == 401
        assert httpx.post(f"{server.http}/whep?token=s3cret").status_code == 501
        told = httpx.get(f"{server.http}/api/config?token=s3cret").json()
        assert told == {"webrtc": False, "ice": [], "tts": False}


def test_a_failing_session_ends_its_connections() -> None:
    streams: list[Any] = []

    def opener() -> Any:
        streams.append(open_stream(side=SIDE))
        return streams[-1]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    async def body(server: Served) -> None:
        async with watching(server) as client:
            await client.until(lambda: len(client.pictures) > 2)
            streams[0]._pictures.ask = broken
            await client.until(lambda: len(server.app.state.peers) == 0)

    with served(opener=opener) as server:
        run(lambda: body(server))


def test_lost_packets_and_jitter_are_survived(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """2 % of all packets are lost, in both directions, and every one is up to 200 ms late."""
    from aiortc.rtcdtlstransport import RTCDtlsTransport

    chance, send, counts = np.random.default_rng(4), RTCDtlsTransport._send_rtp, [0, 0]

    async def lossy(self: Any, data: bytes) -> None:
        lost = chance.random() < 0.02
        counts[lost] += 1
        if not lost:
            asyncio.get_running_loop().call_later(
                chance.random() * 0.2, lambda: asyncio.ensure_future(quietly(self, data))
            )

    async def quietly(self: Any, data: bytes) -> None:
        with suppress(Exception):  # it has closed meanwhile
            await send(self, data)

    monkeypatch.setattr(RTCDtlsTransport, "_send_rtp", lossy)

    async def body() -> None:
        async with watching(server) as client:
            for _ in range(4):  # it goes on and on, and does not stop at the first lost picture
                seen, heard = len(client.pictures), len(client.sounds)
                await client.until(
                    lambda s=seen, h=heard: len(client.pictures) > s + 15 and len(client.sounds) > h + 30
                )
            still = np.median([bright for _, bright in client.pictures])
            client.pictures.clear()
            await asyncio.to_thread(post_wav, server, to_int16(np.tile(speech(1.0) * 3, 3)))
            await client.until(
                lambda: bool(client.pictures) and max(bright for _, bright in client.pictures) > still + 20
            )

    run(body)
    assert counts[1] > 0
    print(f"{counts[1]} of {sum(counts)} packets were lost")


def test_ice_servers_are_read() -> None:
    stun, turn = servers_of("stun:stun.example.org:3478, turn:me:s3cret@turn.example.org:3478?transport=tcp")
    assert (stun.urls, stun.username) == ("stun:stun.example.org:3478", None)
    assert (turn.urls, turn.username) == ("turn:turn.example.org:3478?transport=tcp", "me")
    assert turn.credential == "s3cret"
    assert servers_of("") == []
    with pytest.raises(UsageError, match="stun"):
        servers_of("http://stun.example.org")


def test_media_stays_on_loopback_if_nothing_else_is_said(server: Served) -> None:
    async def body() -> None:
        async with watching(server) as client:
            lines = client.connection.remoteDescription.sdp.splitlines()
            hosts = {line.split()[4] for line in lines if line.startswith("a=candidate:")}
            assert hosts == {"127.0.0.1"}

    run(body)
