"""An avatar for LiveKit Agents (extra `livekit`): a generator that their `AvatarRunner` feeds with the voice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import cv2
import numpy as np

from lipsync_edge.errors import UsageError
from lipsync_edge.integrations.bridge import AgentBridge
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.types import U8

try:
    from livekit import rtc
    from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator
except ImportError as error:
    raise UsageError(
        expected="the packages of the extra `livekit`",
        got=str(error),
        fix="pip install lipsync-edge[livekit]",
    ) from error


def avatar_options(stream: Stream) -> AvatarOptions:
    """Return what an `AvatarRunner` has to know of a stream: size, frames a second, rate of the sound."""
    width, height = stream.avatar.size
    return AvatarOptions(
        video_width=width,
        video_height=height,
        video_fps=float(stream.fps),
        audio_sample_rate=stream.sample_rate,
        audio_channels=1,
    )


class LipsyncVideoGenerator(VideoGenerator):
    """Video generator: the agent's voice in, pictures and the same voice out, in step; idle pictures in between.

    Args:
        stream: an open stream of nobody else; its sample rate is that of the sound that comes out.
    """

    def __init__(self, stream: Stream) -> None:
        self._bridge = AgentBridge(stream)
        self._bridge.start()

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Take the agent's voice, or the end of what it says."""
        if isinstance(frame, AudioSegmentEnd):
            self._bridge.end()
            return
        pcm: I16 = np.frombuffer(frame.data, np.int16)
        await self._bridge.say(pcm, frame.sample_rate, frame.num_channels)

    async def clear_buffer(self) -> None:
        """Stop speaking at once: the agent was interrupted."""
        await self._bridge.interrupt()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Give pictures, the voice, and the end of each utterance once it was said."""
        async for played in self._bridge.played():
            if played.ends:
                yield AudioSegmentEnd()
            if played.slot.picture is not None:
                yield _picture(played.slot.picture.image_bgr)
            if played.speaks:
                yield _sound(played.slot.pcm, self._bridge.rate)

    async def aclose(self) -> None:
        """End the session."""
        await self._bridge.close()


def _picture(image_bgr: U8) -> rtc.VideoFrame:
    height, width = image_bgr.shape[:2]
    rgba = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGBA)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, rgba.tobytes())


def _sound(pcm: I16, rate: int) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm.tobytes(), rate, 1, len(pcm))
