"""Small whole files of every kind that users bring, made on the spot: what is damaged afterwards."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from lipsync_edge.demo import demo_files
from lipsync_edge.types import U8
from tests.video.heif_files import grid_items, turned, write_heif

FRAMES = 6
FPS = 25
FILMS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "h264.ts": ("libx264", "yuv420p"),
    "hevc.mov": ("libx265", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "av1.mp4": ("libsvtav1", "yuv420p"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "mpeg2.mpg": ("mpeg2video", "yuv420p"),
    "alpha.mov": ("png", "rgba"),
    "gif.gif": ("gif", "rgb8"),
    "still.avif": ("libsvtav1", "yuv420p"),
}
STILLS = ("jpg", "png", "bmp", "webp", "tiff")
SOUNDS = {
    "speech.wav": ("pcm_s16le", 16_000),
    "speech.flac": ("flac", 48_000),
    "speech.mp3": ("libmp3lame", 44_100),
    "speech.m4a": ("aac", 44_100),
    "speech.opus": ("libopus", 48_000),
    "speech.ogg": ("libvorbis", 44_100),
}


def face(width: int = 320) -> U8:
    """The face that ships with the package, uint8 (H, W, 3) BGR."""
    whole = cv2.imdecode(np.frombuffer(demo_files()[0].read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert whole is not None
    height = round(whole.shape[0] * width / whole.shape[1]) // 2 * 2
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def film(path: Path, codec: str, pixels: str, frames: int = FRAMES) -> bytes:
    """A film of the face, which wanders by two pixels a frame."""
    picture = face()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], pixels
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 2 * i, 1), format="bgr24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def sound(path: Path, codec: str, rate: int, seconds: float = 0.4) -> bytes:
    """A babble of tones."""
    t = np.arange(round(rate * seconds)) / rate
    pcm = (8000 * np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 5 * t) > 0)).astype(np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm.tobytes())
    file.seek(0)
    with av.open(file) as source, av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        for frame in source.decode(audio=0):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def still(suffix: str) -> bytes:
    """The face as a picture."""
    return cv2.imencode(f".{suffix}", face())[1].tobytes()


def in_tiles(folder: Path) -> bytes:
    """The face as a telephone writes it, turned."""
    turned_face = np.rot90(face(), -1)
    return write_heif(
        folder / "phone.heic", grid_items(turned_face, (192, 192), folder, turns=[turned(b"irot", 1)])
    ).read_bytes()


def seeds(folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return name → bytes of faces, and of sounds; a codec that this build of FFmpeg lacks is left out."""
    faces: dict[str, Callable[[], bytes]] = {
        name: partial(film, folder / name, *how) for name, how in FILMS.items()
    }
    faces["still.avif"] = partial(film, folder / "still.avif", *FILMS["still.avif"], 1)
    faces["phone.heic"] = partial(in_tiles, folder)
    faces |= {f"photo.{suffix}": partial(still, suffix) for suffix in STILLS}
    return _made(faces), sounds(folder)


def sounds(folder: Path) -> dict[str, bytes]:
    """Return name → bytes of sounds alone."""
    return _made({name: partial(sound, folder / name, *how) for name, how in SOUNDS.items()})


def _made(makers: dict[str, Callable[[], bytes]]) -> dict[str, bytes]:
    out = {}
    for name, make in makers.items():
        try:
            out[name] = make()
        except (av.FFmpegError, ValueError):
            continue
    return out
