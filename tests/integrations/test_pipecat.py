"""The avatar in a real Pipecat pipeline: voice in, images and sound out, interruptions, the end."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pipecat")

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from lipsync_edge.audio.resample import to_int16
from lipsync_edge.integrations.pipecat import LipsyncVideoProcessor
from tests.live.fakes import RATE, open_stream, speech

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Kept(FrameProcessor):
    """The end of the pipeline: keeps what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        await self.push_frame(frame, direction)

    def of(self, kind: type) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]


async def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def said(sound: np.ndarray, rate: int = RATE) -> list[Frame]:
    pcm, piece = to_int16(sound), rate // 50
    return [
        TTSStartedFrame(),
        *(
            TTSAudioRawFrame(audio=pcm[at : at + piece].tobytes(), sample_rate=rate, num_channels=1)
            for at in range(0, len(pcm), piece)
        ),
        TTSStoppedFrame(),
    ]


def run(body: Callable[[PipelineWorker, Kept], Any]) -> Kept:
    async def whole() -> Kept:
        kept = Kept()
        worker = PipelineWorker(
            Pipeline([LipsyncVideoProcessor(open_stream()), kept]), cancel_on_idle_timeout=False
        )
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.ensure_future(runner.run())
        await body(worker, kept)
        await worker.queue_frame(EndFrame())
        await asyncio.wait_for(running, 40)
        return kept

    return asyncio.run(asyncio.wait_for(whole(), 120))


def mouth(image: OutputImageRawFrame) -> float:
    picture = np.frombuffer(image.image, np.uint8).reshape(image.size[1], image.size[0], 3)
    return float(picture[58:68, 40:56].mean())


def test_the_voice_comes_back_with_a_moving_mouth() -> None:
    async def body(worker: PipelineWorker, kept: Kept) -> None:
        await until(lambda: len(kept.of(OutputImageRawFrame)) > 3)  # it lives on without a voice
        assert not kept.of(TTSAudioRawFrame)
        await worker.queue_frames(said(speech(0.6)))
        await until(lambda: kept.of(TTSStoppedFrame))

    kept = run(body)
    heard = np.concatenate([np.frombuffer(one.audio, np.int16) for one in kept.of(TTSAudioRawFrame)])
    assert np.array_equal(heard[: round(0.6 * RATE)], to_int16(speech(0.6)))
    opened = [mouth(image) for image in kept.of(OutputImageRawFrame)]
    assert max(opened) > min(opened) + 20
    order = [type(frame) for frame in kept.frames]
    last_sound = max(i for i, kind in enumerate(order) if kind is TTSAudioRawFrame)
    assert order.index(TTSStoppedFrame) > last_sound  # told when it was said, not when it was made


def test_an_interruption_stops_at_once_and_the_next_words_are_said() -> None:
    async def body(worker: PipelineWorker, kept: Kept) -> None:
        await worker.queue_frames(said(speech(6.0)))
        await until(lambda: len(kept.of(TTSAudioRawFrame)) > 5)
        await worker.queue_frame(InterruptionFrame())
        await until(lambda: kept.of(InterruptionFrame))
        await asyncio.sleep(0.3)
        kept.frames.clear()
        await until(lambda: len(kept.of(OutputImageRawFrame)) > 5)
        assert not kept.of(TTSAudioRawFrame)
        await worker.queue_frames(said(speech(0.4)))
        await until(lambda: kept.of(TTSStoppedFrame))

    kept = run(body)
    heard = sum(len(one.audio) for one in kept.of(TTSAudioRawFrame)) / 2 / RATE
    assert 0.3 < heard < 0.6


def test_the_end_waits_for_the_last_words() -> None:
    async def body(worker: PipelineWorker, kept: Kept) -> None:
        await worker.queue_frames(said(speech(1.0)))

    kept = run(body)
    heard = sum(len(one.audio) for one in kept.of(TTSAudioRawFrame)) / 2 / RATE
    assert heard >= 0.95
