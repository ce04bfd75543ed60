"""ComfyUI node: pictures of a face and a sound in, the same pictures with a mouth that says the sound out.

It prepares the pictures once (`Engine.prepare`) and streams the sound through them (`Engine.stream`). The pictures go
to `prepare` as a lossless temporary file, gone when the node returns; what is made comes back as arrays, without
an encoder. Pixels that the mouth did not change are the very numbers that came in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np
import torch

import lipsync_edge as le
from lipsync_edge.choices import LOOPS, MOUTHS
from lipsync_edge.models.preset import preset_names
from lipsync_edge.pipeline.prepare import PrepareOptions

MOST_CHANNELS = 8


class LipSync:
    """Node "Lip-sync": IMAGE batch and AUDIO in, IMAGE batch as long as the sound out."""

    CATEGORY = "audio/lipsync"
    FUNCTION = "sync"
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    DESCRIPTION = (
        "Makes the face in the images say the audio. Ask who is shown, and say that it was made with AI."
    )

    def __init__(self) -> None:
        """Load nothing yet."""
        self._engines: dict[str, le.Engine] = {}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802  # ComfyUI's own name
        """Return what the node asks for, in ComfyUI's form."""
        numbers: ClassVar = {"strength": (1.0, 0.0, 1.5, 0.05), "fps": (25.0, 1.0, 120.0, 0.001)}
        floats = {
            name: ("FLOAT", {"default": usual, "min": low, "max": high, "step": step})
            for name, (usual, low, high, step) in numbers.items()
        }
        return {
            "required": {
                "images": ("IMAGE",),
                "audio": ("AUDIO",),
                "preset": (list(preset_names()), {"default": "lite"}),
                "face": ("STRING", {"default": "largest"}),
                "mouth": (list(MOUTHS), {"default": "auto"}),
                **floats,
                "loop": (list(LOOPS), {"default": "pingpong"}),
            }
        }

    def sync(
        self,
        images: torch.Tensor,
        audio: dict[str, Any],
        preset: str,
        face: str,
        mouth: Any,
        strength: float,
        fps: float,
        loop: str,
    ) -> tuple[torch.Tensor]:
        """Make the images say the audio.

        Args:
            images: float (N, H, W, 3), RGB, 0…1.
            audio: "waveform" float (1, channels, samples), and "sample_rate".
            preset: which networks.
            face: who: "largest", "left", "right", an index from the left, or a picture's path.
            mouth: "auto", "own" or "painted".
            strength: how far an own mouth moves, 0…1.5.
            fps: frames a second of the images and of the result.
            loop: what follows when the images are over before the sound.

        Returns:
            Float32 (T, H, W, 3), RGB, 0…1; T = sound × fps, rounded up (with "cut" N at most).

        Raises:
            lipsync_edge.LipsyncError: no face, no sound, options that do not exist.
        """
        rate = Fraction(fps).limit_denominator(1001)
        sound, sample_rate = _sound(audio)
        wanted = ceil(sound.shape[1] * rate / sample_rate)
        shown = _order(loop, len(images), wanted)
        pictures = images.detach().cpu().numpy()[shown]
        frames_bgr = np.round(np.clip(pictures[..., ::-1], 0, 1) * 255).astype(np.uint8)
        engine = self._engine(preset)
        with tempfile.TemporaryDirectory(prefix="lipsync-edge-") as folder:
            file = _write(Path(folder), frames_bgr, rate)
            options = PrepareOptions(face=face, max_side=0, seconds=3600.0)
            avatar = engine.prepare(file, options=options)
        made = []
        with engine.stream(
            avatar, sample_rate=sample_rate, fps=rate, mouth=mouth, strength=strength
        ) as stream:
            sound = sound[:, : int(len(shown) * sample_rate / rate)] if loop == "cut" else sound
            for frame in _frames(stream, sound):
                position = avatar.position(frame.time)
                before, after = avatar.picture(position), frame.image_bgr
                changed = (before != after).any(-1, keepdims=True)
                made.append(np.where(changed, after[..., ::-1] / np.float32(255), pictures[position]))
        return (torch.from_numpy(np.stack(made).astype(np.float32)),)

    def _engine(self, preset: str) -> le.Engine:
        if preset not in self._engines:
            self._engines[preset] = le.load(preset=preset)
        return self._engines[preset]


def _sound(audio: dict[str, Any]) -> tuple[np.ndarray, int]:
    """Return the sound as float32 (channels, samples) and its rate."""
    waveform = audio["waveform"].detach().cpu().numpy().astype(np.float32)
    if len(waveform) != 1 or not 1 <= waveform.shape[1] <= MOST_CHANNELS or not waveform.shape[2]:
        raise le.InputError(
            expected=f"a waveform of shape (1, 1 to {MOST_CHANNELS}, samples)", got=str(waveform.shape)
        )
    return waveform[0], int(audio["sample_rate"])


def _order(loop: str, count: int, wanted: int) -> list[int]:
    """Return which images the avatar is made of; it plays them forwards and backwards by itself."""
    if count == 1 or loop == "pingpong":
        return list(range(count))
    if loop == "cut":
        return list(range(min(count, wanted)))
    return [index % count if loop == "repeat" else min(index, count - 1) for index in range(wanted)]


def _write(folder: Path, frames_bgr: np.ndarray, rate: Fraction) -> Path:
    """Write pictures, uint8 (n, H, W, 3), without loss: one as a still, several as a film."""
    if len(frames_bgr) == 1:
        file = folder / "face.png"
        cv2.imwrite(str(file), frames_bgr[0])
        return file
    file = folder / "face.avi"  # its times are exact at every rate
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames_bgr.shape[1:3], "bgr0"
        for number, picture in enumerate(frames_bgr):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def _frames(stream: le.Stream, sound: np.ndarray) -> Iterator[le.StreamFrame]:
    """Give the frames of a whole sound."""
    yield from stream.push(sound)
    yield from stream.flush()
