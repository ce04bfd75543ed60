"""Frames straight into a host's own memory, through the buffer protocol: for C, C++ and everything that embeds Python.

The engine makes every frame in an array of its own; `push_into` copies that array once into the host's buffer, and
that is the only copy of a finished frame. The GIL is released while a network runs (ONNX Runtime and OpenVINO do
that), so a host's other threads go on. Nothing here prints, starts a thread or touches a signal handler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import UsageError
from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.types import U8


class BufferCalls(ABC):
    """The calls of a stream that fill memory of the caller instead of giving arrays."""

    @abstractmethod
    def push(self, pcm: npt.ArrayLike) -> Iterator[StreamFrame]:
        """Take speech and give the frames that it completes."""

    @abstractmethod
    def flush(self) -> Iterator[StreamFrame]:
        """End the utterance and give its remaining frames."""

    @abstractmethod
    def idle(self, count: int = 1) -> Iterator[StreamFrame]:
        """Give frames without sound."""

    @property
    @abstractmethod
    def frame_shape(self) -> tuple[int, int, int]:
        """Height, width and 3 of every frame."""

    def push_into(self, pcm: object, out: object) -> int:
        """Push sound and write the frames it completes one after another into `out`.

        Frames that find no room are not made; they come with the next call, of which `pcm` may be empty.

        Args:
            pcm: a buffer of mono samples, int16 or float32; plain bytes are taken as native int16.
            out: a writable contiguous buffer of n * H * W * 3 bytes, uint8 BGR; n from 0.

        Returns:
            How many frames were written.

        Raises:
            UsageError: a buffer of another type, or one that cannot hold a whole number of frames.
        """
        frames = frames_of(out, self.frame_shape)
        return fill(self.push(samples_of(pcm)), frames)

    def flush_into(self, out: object) -> int:
        """End the utterance and write its remaining frames into `out`; 0 when none is left. See `push_into`."""
        return fill(self.flush(), frames_of(out, self.frame_shape))

    def idle_into(self, out: object) -> int:
        """Fill `out` with frames without sound. See `push_into`."""
        frames = frames_of(out, self.frame_shape)
        return fill(self.idle(len(frames)), frames)


def samples_of(pcm: object) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
    """View a buffer as samples, int16 or float32 (n,), without a copy; plain bytes are native int16."""
    try:
        view = memoryview(pcm)  # type: ignore[arg-type]
        if view.format in ("h", "f"):
            return np.asarray(view).reshape(-1)
        return np.frombuffer(view.cast("B"), np.int16)
    except (TypeError, ValueError) as error:
        raise UsageError(
            expected="a contiguous buffer of int16 or float32 samples",
            got=f"{type(pcm).__name__}: {error}",
        ) from error


def frames_of(out: object, shape: tuple[int, int, int]) -> U8:
    """View a writable buffer as frames, uint8 (n, H, W, 3), without a copy."""
    size = shape[0] * shape[1] * shape[2]
    try:
        view = memoryview(out)  # type: ignore[arg-type]
        if view.readonly or view.nbytes % size:
            raise ValueError("read-only" if view.readonly else f"{view.nbytes} bytes")
        return np.frombuffer(view.cast("B"), np.uint8).reshape(-1, *shape)
    except (TypeError, ValueError) as error:
        raise UsageError(
            expected=f"a writable contiguous buffer of a whole number of frames of {size} bytes",
            got=f"{type(out).__name__}: {error}",
        ) from error


def fill(frames: Iterator[StreamFrame], out: U8) -> int:
    """Copy frames into uint8 (n, H, W, 3) until it is full or there is none left; return how many."""
    count = 0
    for slot, frame in zip(out, islice(frames, len(out)), strict=False):
        slot[:] = frame.image_bgr
        count += 1
    return count
