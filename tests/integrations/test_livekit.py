"""The avatar in LiveKit's own avatar runner, with its own queue and sources; only the room is none."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarRunner, QueueAudioOutput

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.integrations.livekit import LipsyncVideoGenerator, avatar_options
from tests.live.fakes import RATE, open_stream, speech

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Publication:
    async def wait_for_subscription(self) -> None:
        return


class Room:
    """A room that everybody has joined."""

    def __init__(self) -> None:
        self.local_participant = self
        self.published: list[str] = []

    def isconnected(self) -> bool:
        return True

    def on(self, *_: object) -> None:
        return

    off = on

    async def publish_track(self, track: Any, _: object) -> Publication:
        self.published.append(track.name)
        return Publication()


def frames(sound: np.ndarray, rate: int = RATE) -> list[rtc.AudioFrame]:
    """Pieces of 20 ms, as a voice sends them."""
    pcm, piece = to_int16(sound), rate // 50
    return [
        rtc.AudioFrame(pcm[at : at + piece].tobytes(), rate, 1, len(pcm[at : at + piece]))
        for at in range(0, len(pcm), piece)
    ]


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 90))  # type: ignore[arg-type]


async def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


class Read:
    """Everything that a generator gives."""

    def __init__(self, generator: LipsyncVideoGenerator) -> None:
        self.items: list[Any] = []
        self.task = asyncio.ensure_future(self._read(generator))

    async def _read(self, generator: LipsyncVideoGenerator) -> None:
        async for item in generator:
            self.items.append(item)

    def of(self, kind: type) -> list[Any]:
        return [item for item in self.items if isinstance(item, kind)]


def mouth(frame: rtc.VideoFrame) -> float:
    picture = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 4)
    return float(picture[58:68, 40:56, :3].mean())


@pytest.mark.parametrize("rate", [RATE, 24_000])
def test_the_voice_comes_back_with_a_moving_mouth_and_each_utterance_ends_once(rate: int) -> None:
    async def body() -> None:
        generator = LipsyncVideoGenerator(open_stream())
        read = Read(generator)
        await until(lambda: len(read.of(rtc.VideoFrame)) > 3)  # it lives on without a voice
        assert not read.of(rtc.AudioFrame)
        for turn in range(2):
            for frame in frames(speech(0.6, rate=rate), rate):
                await generator.push_audio(frame)
            await generator.push_audio(AudioSegmentEnd())
            await until(lambda turn=turn: len(read.of(AudioSegmentEnd)) == turn + 1)
        heard = np.concatenate([np.frombuffer(one.data, np.int16) for one in read.of(rtc.AudioFrame)])
        assert 1.1 < len(heard) / RATE < 1.4
        if rate == RATE:
            said = to_int16(speech(0.6))
            assert np.array_equal(heard[: len(said)], said)
        opened = [mouth(frame) for frame in read.of(rtc.VideoFrame)]
        assert max(opened) > min(opened) + 20
        await generator.aclose()
        await read.task

    run(body)


def test_an_interrupt_clears_what_waits_and_the_next_words_are_said() -> None:
    async def body() -> None:
        generator = LipsyncVideoGenerator(open_stream())
        read = Read(generator)
        for frame in frames(speech(5.0)):
            await generator.push_audio(frame)
        await generator.push_audio(AudioSegmentEnd())
        await until(lambda: len(read.of(rtc.AudioFrame)) > 5)
        await generator.clear_buffer()
        read.items.clear()
        await until(lambda: len(read.of(rtc.VideoFrame)) > 8)
        assert not read.of(rtc.AudioFrame)
        assert not read.of(AudioSegmentEnd)
        for frame in frames(speech(0.4)):
            await generator.push_audio(frame)
        await generator.push_audio(AudioSegmentEnd())
        await until(lambda: read.of(AudioSegmentEnd))
        assert 0.3 < sum(one.duration for one in read.of(rtc.AudioFrame)) < 0.6
        await generator.aclose()
        await read.task

    run(body)


def test_in_livekits_own_runner_playback_is_told_to_the_agent() -> None:
    async def body() -> None:
        stream, room = open_stream(), Room()
        voice, generator = QueueAudioOutput(sample_rate=RATE), LipsyncVideoGenerator(stream)
        told: list[Any] = []
        voice.on("playback_finished", told.append)
        runner = AvatarRunner(
            room,
            audio_recv=voice,
            video_gen=generator,
            options=avatar_options(stream),  # type: ignore[arg-type]
        )
        await runner.start()
        try:
            for frame in frames(speech(0.8)):
                await voice.capture_frame(frame)
            voice.flush()
            await until(lambda: len(told) == 1)
            assert not told[0].interrupted
            assert told[0].playback_position == pytest.approx(0.8, abs=0.1)
            assert room.published == ["avatar_audio", "avatar_video"]
            for frame in frames(speech(6.0)):
                await voice.capture_frame(frame)
            voice.flush()
            await asyncio.sleep(1.5)
            voice.clear_buffer()
            await until(lambda: len(told) == 2)
            assert told[1].interrupted
            assert told[1].playback_position < 5.0
        finally:
            await runner.aclose()
            await generator.aclose()

    run(body)


def test_how_long_a_voice_takes_to_a_picture() -> None:
    """From the push of the sound that the first picture needs to that picture; printed, judged by benchmarks alone."""

    async def body() -> None:
        stream = open_stream()
        generator = LipsyncVideoGenerator(stream)
        read = Read(generator)
        await until(lambda: len(read.of(rtc.VideoFrame)) > 3)
        began = time.monotonic()
        for frame in frames(speech(1.0)):
            await generator.push_audio(frame)
        await until(lambda: read.of(rtc.AudioFrame))
        print(f"first sound and picture {1000 * (time.monotonic() - began):.0f} ms after the first push")
        await generator.aclose()
        await read.task

    run(body)
