"""Short videos and sounds for tests, made on the spot."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile

U8 = np.ndarray


def scene(width: int = 160, height: int = 120, index: int = 0) -> U8:
    """A soft coloured picture with a white bar in its left half that counts frames in binary, uint8 (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.stack(
        [100 + 60 * np.sin(x / 23 + 1), 90 + 70 * np.cos(y / 17), 120 + 50 * np.sin((x + y) / 31)], -1
    )
    picture = np.clip(picture, 16, 235).astype(np.uint8)
    side = min(width, height) // 12
    for bit in range(10):
        on = 235 if index >> bit & 1 else 20
        picture[side : 2 * side, side * (bit + 1) : side * (bit + 2)] = on
    return picture


def number(picture: U8) -> int:
    """The frame number that `scene` drew."""
    side = min(picture.shape[:2]) // 12
    cells = [picture[side : 2 * side, side * (bit + 1) : side * (bit + 2)].mean() for bit in range(10)]
    return sum((cell > 127) << bit for bit, cell in enumerate(cells))


def write_clip(
    path: Path,
    pictures: Sequence[U8] | int = 12,
    *,
    size: tuple[int, int] = (160, 120),
    fps: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    matrix: int = 2,
    colours: int = 1,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    title: str = "",
) -> Path:
    """Write pictures (or that many scenes) as a video; `pts` in `time_base` for a varying rate.

    `matrix` and `colours` are FFmpeg's numbers of the YUV matrix (2 unknown, 1 BT.709) and range (1 limited, 2 full).
    """
    frames = [scene(*size, index=i) for i in range(pictures)] if isinstance(pictures, int) else list(pictures)
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        usual = {"crf": "8"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=Fraction(fps), options=options or usual)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = time_base or 1 / Fraction(fps)
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, colours
        if title:
            container.metadata["title"] = title
        if rotation:
            stream.set_display_rotation(rotation)
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24").reformat(
                format=pixels,
                src_color_range=2,
                dst_colorspace=1 if matrix == 1 else 5,
                dst_color_range=colours,
            )
            frame.pts, frame.time_base = pts[i] if pts else i, stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(
    path: Path, seconds: float = 1.0, *, rate: int = 16_000, channels: int = 1, seed: int = 0
) -> Path:
    """Write a babble of tones with pauses, its format by the extension that soundfile knows."""
    n = round(seconds * rate)
    t = np.arange(n) / rate
    rng = np.random.default_rng(seed)
    tone = sum(np.sin(2 * np.pi * f * t + rng.random()) for f in (150, 310, 900, 2100)) / 6
    loud = (np.sin(2 * np.pi * 3 * t) > -0.3).astype(float)
    soundfile.write(str(path), np.repeat((tone * loud)[:, None], channels, 1).astype(np.float32), rate)
    return path


def write_still(path: Path, picture: U8) -> Path:
    """Write a still picture under any name, non-ASCII letters included."""
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


def times_of(path: Path) -> list[Fraction]:
    """Presentation times of a video's frames as another reader sees them, from the container alone."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p.pts * Fraction(p.time_base) for p in container.demux(stream) if p.pts is not None]
    return sorted(packets)


def onsets(wave: np.ndarray, rate: int) -> list[float]:
    """Times at which it becomes loud after 50 ms of quiet, in seconds."""
    loud = np.nonzero(np.abs(wave) > 0.3)[0]
    return [float(at) / rate for i, at in enumerate(loud) if i == 0 or at - loud[i - 1] > 0.05 * rate]
