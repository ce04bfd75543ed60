"""Frames into the caller's own memory, and frames passed over."""

import array
import threading
import time

import numpy as np
import pytest

from lipsync_edge.errors import ModelError, UsageError
from lipsync_edge.models.network import load_network
from tests.live.fakes import open_stream, speech

SOUND = speech(0.5)
SIZE = 96 * 96 * 3


def test_push_into_gives_the_frames_of_push() -> None:
    with open_stream() as stream:
        wanted = [f.image_bgr for f in [*stream.push(SOUND), *stream.flush(), *stream.idle(3)]]
    out = np.zeros((32, 96, 96, 3), np.uint8)
    with open_stream() as stream:
        count = stream.push_into(SOUND, out)
        count += stream.flush_into(out[count:])
        count += stream.idle_into(out[count : count + 3])
    assert count == len(wanted) == 16
    assert np.array_equal(out[:count], np.stack(wanted))
    assert not out[count:].any()


def test_a_full_buffer_leaves_frames_for_the_next_call() -> None:
    with open_stream() as stream:
        wanted = [f.image_bgr for f in stream.push(SOUND)]
    got, out = [], bytearray(2 * SIZE)
    with open_stream() as stream:
        count = stream.push_into(SOUND, out)
        while count:
            got += list(np.frombuffer(bytes(out[: count * SIZE]), np.uint8).reshape(-1, 96, 96, 3))
            count = stream.push_into(b"", out)
    assert len(got) == len(wanted) > 4
    assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_bytes_arrays_and_int16_are_the_same_sound() -> None:
    whole = (SOUND * 32767).astype(np.int16)
    images = []
    for pcm in (whole, whole.tobytes(), array.array("h", whole.tolist()), memoryview(whole.tobytes())):
        out = np.zeros((20, 96, 96, 3), np.uint8)
        with open_stream() as stream:
            assert stream.push_into(pcm, out) > 4
        images.append(out)
    assert all(np.array_equal(images[0], image) for image in images)


@pytest.mark.parametrize(
    "out", [bytes(SIZE), bytearray(SIZE - 1), 3, np.zeros((2, 96, 96, 3), np.uint8)[:, ::2]]
)
def test_a_buffer_that_cannot_hold_frames_is_refused(out: object) -> None:
    with open_stream() as stream, pytest.raises(UsageError, match="writable contiguous buffer"):
        stream.push_into(SOUND, out)


@pytest.mark.parametrize("pcm", [b"abc", np.zeros(4, np.float64)[::2], None])
def test_a_buffer_that_is_no_sound_is_refused(pcm: object) -> None:
    with open_stream() as stream, pytest.raises(UsageError, match="int16 or float32 samples"):
        stream.push_into(pcm, bytearray(SIZE))


def test_a_skipped_frame_is_missing_and_the_others_are_as_they_were() -> None:
    with open_stream() as stream:
        wanted = list(stream.push(SOUND))
    with open_stream() as stream:
        frames = stream.push(SOUND)
        first = next(frames)
        assert stream.skip()
        assert stream.skip()
        rest = list(frames)
        assert not stream.skip()  # waits for sound
        tail = list(stream.flush())
        assert stream.skip()  # an idle frame
        idle = next(stream.idle())
    assert [first.index, *(f.index for f in rest)] == [0, *range(3, len(wanted))]
    assert np.array_equal(rest[0].image_bgr, wanted[3].image_bgr)
    assert idle.index == tail[-1].index + 2


def test_other_threads_run_while_a_network_runs() -> None:
    pytest.importorskip("onnxruntime")
    try:
        network = load_network("edge_segment", device="cpu", threads=1)
    except ModelError:
        pytest.skip("the bundled networks are not here")
    face = np.zeros((48, 128, 128, 3), np.uint8)
    over, gaps = threading.Event(), [0.0]

    def tick() -> None:
        last = time.monotonic()
        while not over.wait(0.001):
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    network(face=face[:1])
    ticking = threading.Thread(target=tick)
    ticking.start()
    began = time.monotonic()
    network(face=face)
    took = time.monotonic() - began
    over.set()
    ticking.join()
    assert took > 0.02
    assert max(gaps) < took / 2  # one call of the network; held, the GIL would make one gap of it
