"""A browser's microphone: what it sends is said by the avatar, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from lipsync_edge.audio.resample import Resampler, to_int16
from lipsync_edge.live.audio_queue import SessionOverError
from lipsync_edge.live.slot import I16
from lipsync_edge.server.session import ServerSession
from lipsync_edge.types import F32

GAP_S = 0.4  # without a packet: the button was let go


async def say_what_comes(track: MediaStreamTrack, session: ServerSession, *, waiting: int) -> None:
    """Say a microphone's sound, an utterance each time it is opened, until the track ends.

    Args:
        track: Opus, as aiortc decodes it.
        session: where it is said.
        waiting: callers that may wait for their turn; beyond that what comes is left out.
    """
    try:
        while True:
            first = await track.recv()
            assert isinstance(first, AudioFrame)
            if session.speakers <= waiting:
                await session.speak(_pieces(first, track, session.rate))
            await _until_gap(track)
    except (MediaStreamError, SessionOverError):
        return


async def _pieces(first: AudioFrame, track: MediaStreamTrack, rate: int) -> AsyncIterator[I16]:
    resampler = await asyncio.to_thread(Resampler, first.sample_rate, rate)
    frame: AudioFrame | None = first
    while frame is not None:
        yield to_int16(resampler.push(_mono(frame)))
        frame = await _next(track)
    yield to_int16(resampler.flush())


async def _next(track: MediaStreamTrack) -> AudioFrame | None:
    try:
        frame = await asyncio.wait_for(track.recv(), GAP_S)
    except asyncio.TimeoutError:
        return None
    assert isinstance(frame, AudioFrame)
    return frame


async def _until_gap(track: MediaStreamTrack) -> None:
    while await _next(track) is not None:
        pass


def _mono(frame: AudioFrame) -> F32:
    """Mean of the channels, float32 (n,)."""
    levels = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
    return (levels.mean(1) / 32768.0).astype(np.float32)
