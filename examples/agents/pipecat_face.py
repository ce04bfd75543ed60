"""A Pipecat pipeline with a face: python pipecat_face.py face.avatar speech.wav talk.mp4 - no cloud, no transport."""

import asyncio
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from pipecat.frames.frames import EndFrame, Frame, OutputImageRawFrame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

import lipsync_edge as le
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.integrations.pipecat import LipsyncVideoProcessor
from lipsync_edge.video.writer import VideoFormat, VideoWriter

RATE = 24_000


class FileOutput(FrameProcessor):
    """Writes images; a real pipeline has its transport's output here."""

    def __init__(self, writer: VideoWriter, fps: Fraction) -> None:
        super().__init__()
        self.writer, self.fps, self.count = writer, fps, 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Write an image."""
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputImageRawFrame):
            rgb = np.frombuffer(frame.image, np.uint8).reshape(*frame.size[::-1], 3)
            self.writer.write(np.ascontiguousarray(rgb[..., ::-1]), self.count / self.fps)
            self.count += 1
        await self.push_frame(frame, direction)


async def main(avatar: Path, speech: Path, out: Path) -> None:
    """Have a sound file said."""
    stream = le.load(preset="lite").stream(le.load_avatar(avatar), sample_rate=RATE)
    width, height = stream.avatar.size
    shape = VideoFormat(width=width, height=height, fps=stream.fps, time_base=1 / stream.fps)
    with VideoWriter(out, shape) as writer:
        pipeline = Pipeline([LipsyncVideoProcessor(stream), FileOutput(writer, stream.fps)])
        worker = PipelineWorker(pipeline)
        pcm = (read_audio(speech, RATE) * 32767).astype(np.int16)
        for at in range(0, len(pcm), RATE // 50):  # as a text-to-speech service gives it
            piece = pcm[at : at + RATE // 50].tobytes()
            await worker.queue_frame(TTSAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1))
        await worker.queue_frames([TTSStoppedFrame(), EndFrame()])
        runner = WorkerRunner()
        await runner.add_workers(worker)
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:])))
