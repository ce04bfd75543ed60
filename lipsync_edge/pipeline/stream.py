"""Live: speech goes in as it comes, finished frames come out, on the very code that files go through.

A stream owns no thread and no queue of pictures: a frame is made when it is asked for, as soon as the sound that its
mel window needs has been pushed. Frame i of the stream stands at i / fps seconds, for ever: speech, silence and idling
all count on the same clock. An utterance begins with the next frame after its first push, so that its own frame times
are those of a file of the same sound.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType

import numpy.typing as npt

from lipsync_edge.audio.alignment import FeatureWindow
from lipsync_edge.choices import Mouth
from lipsync_edge.errors import UsageError
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.buffers import BufferCalls
from lipsync_edge.pipeline.frame import Event, Health, Meter, State, StreamFrame
from lipsync_edge.pipeline.interrupt import InterruptSource, InterruptToken
from lipsync_edge.pipeline.live_mouth import open_mouth
from lipsync_edge.pipeline.picture import Kept
from lipsync_edge.pipeline.picture_maker import Asked, PictureMaker
from lipsync_edge.pipeline.utterance import Utterances
from lipsync_edge.render.renderer import Renderer


class Stream(BufferCalls):
    """Speech in, frames out. Calls may come from several threads; they take turns, but `interrupt` never waits.

    Args:
        renderer: makes the pictures.
        avatar: a face prepared for it; `Engine.stream` checks that.
        sample_rate: of the sound that will be pushed, 4000 to 384000 Hz.
        fps: frames a second that come out; the avatar's own without it.
        mouth: "auto": the person's own mouth where the avatar has it; "own": the same, and an error where it has not;
            "painted": as the networks make it.
        strength: how far an own mouth moves, see `RunOptions.strength`.
        kept: pictures at rest of other streams that differ in nothing but rates, see `again`.
    """

    def __init__(
        self,
        renderer: Renderer,
        avatar: Avatar,
        *,
        sample_rate: int = 16_000,
        fps: Fraction | int | None = None,
        mouth: Mouth = "auto",
        strength: float = 1.0,
        kept: Kept | None = None,
    ) -> None:
        self.renderer = renderer
        self.avatar = avatar
        self._device = "+".join(dict.fromkeys(one.device for one in renderer.networks.values()))
        self.fps = Fraction(fps) if fps is not None else avatar.fps
        if not 1 <= self.fps <= 240:
            raise UsageError(expected="1 to 240 frames a second", got=str(fps))
        self.mouth, self.strength = mouth, strength
        self._live_mouth = open_mouth(renderer, avatar, mouth, strength)
        self.kept = kept or Kept()
        self._pictures = PictureMaker(avatar, self._live_mouth, self.kept)
        self.sample_rate = sample_rate
        self._utterances = Utterances(renderer, rate=sample_rate, fps=self.fps)
        self._turn = threading.RLock()
        self._interrupts = InterruptSource()
        self._error: Exception | None = None
        self._closed = False
        self._meter = Meter()
        self._begin()
        self._warm_up()

    def again(self) -> Stream:
        """Open another stream like this one, which shares what is kept of pictures at rest."""
        return Stream(
            self.renderer,
            self.avatar,
            sample_rate=self.sample_rate,
            fps=self.fps,
            mouth=self.mouth,
            strength=self.strength,
            kept=self.kept,
        )

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Height, width and 3 of every frame."""
        return self.avatar.size[1], self.avatar.size[0], 3

    @property
    def lookahead_ms(self) -> float:
        """Sound after a frame's own time that must have been pushed before it can be made, in milliseconds."""
        return self._utterances.lookahead_ms

    def push(self, pcm: npt.ArrayLike) -> Iterator[StreamFrame]:
        """Take speech and give the frames that it completes.

        The sound is taken at once; frames are made one by one as the iterator is read. Frames that are not read come
        with the next `push` or `flush`; but a push after a flush begins the next utterance with the next frame, and
        what was not read of the last one is dropped.

        Args:
            pcm: int16 or float32, (n,) mono, (n, channels) or (channels, n) of up to 8 channels; n from 0.
        """
        with self._turn:
            self._check_open()
            token = self._settle_interrupt()
            self._utterances.push(pcm, self._index)
            return self._frames(token)

    def flush(self) -> Iterator[StreamFrame]:
        """End the utterance and give its remaining frames; the next push begins another."""
        with self._turn:
            self._check_open()
            token = self._settle_interrupt()
            self._utterances.end()
            return self._frames(token)

    def idle(self, count: int = 1) -> Iterator[StreamFrame]:
        """Give frames of the avatar living on without sound: its own video, the mouth closing and then still.

        It follows an utterance that was flushed or interrupted; while sound is still being taken it gives nothing. Once
        the mouth is still, pictures that come again are not made again.
        """
        token = self._interrupts.token
        for _ in range(count):
            with self._turn:
                self._check_open()
                self._settle_interrupt()
                if self._utterances.is_open(self._index):
                    return
                frame = self._make(self._utterances.fading(), "idle", token)
            if frame is None:
                return
            yield frame

    def skip(self) -> bool:
        """Pass over the next frame without making it, because its moment is gone; False while it waits for sound."""
        with self._turn:
            self._check_open()
            self._settle_interrupt()
            if self._utterances.is_open(self._index):
                window = self._utterances.window(self._index)
                if window is None:
                    return False
                self._utterances.heard(window)
            self._index += 1
            return True

    def interrupt(self) -> None:
        """Drop the utterance at once: no frame of it is given from now on, whichever iterator is being read."""
        self._interrupts.interrupt()

    def reset(self) -> None:
        """Forget everything; the next frame is frame 0."""
        self._interrupts.interrupt()
        with self._turn:
            self._check_open()
            self._begin()

    def close(self) -> None:
        """End the stream; iterators stop, other calls raise UsageError. Closing twice does nothing."""
        self._closed = True

    def __enter__(self) -> Stream:
        """Return the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def health(self) -> Health:
        """Tell how the stream does; never waits for a frame that is being made."""
        return Health(
            frames=self._meter.frames,
            pending_audio_s=self._utterances.pending_s(self._index),
            compute_p50_ms=self._meter.percentile_ms(50),
            compute_p95_ms=self._meter.percentile_ms(95),
            last_frame_age_s=self._meter.age_s,
            interrupts=self._interrupts.count,
            error=f"{type(self._error).__name__}: {self._error}" if self._error else "",
            closed=self._closed,
            device=self._device,
        )

    def _warm_up(self) -> None:
        """Render one frame with a face: the first call of a network is the slowest."""
        at = self.avatar.first_face / self.avatar.fps
        silence = self.renderer.silence
        self.renderer.render([self.avatar.frame(0, at).hearing(silence.features, silence.gain)])

    def _begin(self) -> None:
        self._index = 0
        self._was_speech = False
        self._settled = self._interrupts.token  # what the utterance under way was pushed with
        self._utterances.forget()
        if self._live_mouth is not None:
            self._live_mouth.reset()

    def _settle_interrupt(self) -> InterruptToken:
        """Drop the utterance under way if it was interrupted; return the token of what is pushed now."""
        token = self._interrupts.token
        if token is not self._settled:
            self._settled = token
            self._utterances.interrupt(self._index)
        return token

    def _frames(self, token: InterruptToken) -> Iterator[StreamFrame]:
        while True:
            with self._turn:
                window = None if self._is_over(token) else self._utterances.window(self._index)
                if window is None:
                    return
                frame = self._make(window, "speech" if window.gain > 0 else "silence", token)
                if frame is None:
                    return
                self._utterances.heard(window)
            yield frame

    def _make(self, window: FeatureWindow, state: State, token: InterruptToken) -> StreamFrame | None:
        """Render one frame; None when the stream was interrupted or closed meanwhile."""
        began = clock.perf_counter()
        time = Fraction(self._index) / self.fps
        at_rest = state == "idle" and self._utterances.at_rest
        try:
            picture = self._pictures.ask(self._index, time, window, at_rest=at_rest)
            if isinstance(picture, Asked):
                picture = self._pictures.take(picture, self.renderer.render([picture.frame])[0])
        except Exception as error:  # whatever it is, it ends the stream on every thread
            self._error = error
            self.close()
            raise
        if self._is_over(token):
            return None
        is_speech = state == "speech"
        event: Event = "" if is_speech == self._was_speech else "speech_start" if is_speech else "speech_end"
        took = (clock.perf_counter() - began) * 1000
        finished = StreamFrame(self._index, time, picture, state, event, self._utterances.number, took)
        self._was_speech = is_speech
        self._index += 1
        self._meter.add(took)
        return finished

    def _is_over(self, token: InterruptToken) -> bool:
        """Whether frames asked for with the token may not be given any more."""
        return token.interrupted or self._closed

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._closed:
            raise UsageError(
                expected="an open stream", got="a closed one", fix="open another with engine.stream(avatar)"
            )
