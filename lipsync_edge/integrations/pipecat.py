"""An avatar for Pipecat (extra `pipecat`): a processor behind the voice, before the transport's output."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np

from lipsync_edge.errors import UsageError
from lipsync_edge.integrations.bridge import AgentBridge, Played
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.stream import Stream

try:
    from pipecat.frames.frames import (
        CancelFrame,
        EndFrame,
        Frame,
        InterruptionFrame,
        OutputImageRawFrame,
        StartFrame,
        TTSAudioRawFrame,
        TTSStoppedFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
except ImportError as error:
    raise UsageError(
        expected="the packages of the extra `pipecat`",
        got=str(error),
        fix="pip install lipsync-edge[pipecat]",
    ) from error


class LipsyncVideoProcessor(FrameProcessor):
    """Frame processor: frames of the voice in, images and the same voice out, in step; idle images in between.

    `TTSStoppedFrame` goes on when the utterance was said, not when its sound was made. An interruption stops at once.

    Args:
        stream: an open stream of nobody else; its sample rate is that of the sound that comes out.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self._bridge: AgentBridge | None = None
        self._playing: asyncio.Task[None] | None = None
        self._stopped: list[TTSStoppedFrame] = []  # of utterances that are still being said

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take a frame."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)
            self._bridge = AgentBridge(self._stream)
            self._bridge.start()
            self._playing = self.create_task(self._play(self._bridge))
            return
        if self._bridge is not None and isinstance(frame, TTSAudioRawFrame):
            pcm: I16 = np.frombuffer(frame.audio, np.int16)
            await self._bridge.say(pcm, frame.sample_rate, frame.num_channels)
            return
        if self._bridge is not None and isinstance(frame, TTSStoppedFrame):
            self._stopped.append(frame)
            self._bridge.end()
            return
        if self._bridge is not None and isinstance(frame, InterruptionFrame):
            await self._bridge.interrupt()
            self._stopped.clear()
        if isinstance(frame, (EndFrame, CancelFrame)):
            await self._finish(after_speech=isinstance(frame, EndFrame))
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """End the session."""
        await self._finish()
        await super().cleanup()  # type: ignore[no-untyped-call]

    async def _play(self, bridge: AgentBridge) -> None:
        try:
            async for played in bridge.played():
                await self._push(played)
        except Exception as error:  # whatever it is, the pipeline is told
            await self.push_error(error_msg=f"{type(error).__name__}: {error}", exception=error)

    async def _push(self, played: Played) -> None:
        slot, rate = played.slot, self._stream.sample_rate
        if played.ends and self._stopped:
            await self.push_frame(self._stopped.pop(0))
        if slot.picture is not None:
            rgb = cv2.cvtColor(slot.picture.image_bgr, cv2.COLOR_BGR2RGB)
            image = OutputImageRawFrame(image=rgb.tobytes(), size=rgb.shape[1::-1], format="RGB")
            image.sync_with_audio = played.speaks
            await self.push_frame(image)
        if played.speaks:
            await self.push_frame(
                TTSAudioRawFrame(audio=slot.pcm.tobytes(), sample_rate=rate, num_channels=1)
            )

    async def _finish(self, *, after_speech: bool = False) -> None:
        if self._bridge is not None:
            bridge, self._bridge = self._bridge, None
            await bridge.close(after_speech=after_speech)
        if self._playing is not None:
            playing, self._playing = self._playing, None
            if after_speech:
                await playing
            else:
                await self.cancel_task(playing)
