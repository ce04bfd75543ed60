"""Make the picture on top of the README: `make_readme_picture.py [-o docs/assets/demo.webp]`.

The demo's photo stands on the left, what the engine makes of it on the right, the waveform of the demo's speech below
with a line at the time shown. Needs the extra `docs` (Pillow writes the animated WebP).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

import lipsync_edge as le

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

ROOT = Path(__file__).parents[1]
ASSETS = Path(le.__file__).parent / "assets"
RATE = 16_000  # samples a second that the speech is read at
FACE_ROWS, FACE_COLUMNS = slice(40, 600), slice(60, 580)  # the head in the demo's photo of 640x640
FACE_SIZE = (360, 388)  # width and height of each half in the picture
GAP, WAVE_HEIGHT = 8, 48
PAPER, INK, LINE = (255, 255, 255), (176, 128, 92), (60, 60, 220)  # BGR


def read_speech(path: Path, seconds: float) -> F32:
    """Return the first seconds of a file's sound, float32 (n,) mono, -1 to 1, at RATE."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        parts = [
            part.to_ndarray().ravel()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(parts)[: int(seconds * RATE)].astype(np.float32)


def made_frames(preset: str, speech: F32, rate: int) -> Iterator[U8]:
    """Yield uint8 (H, W, 3) BGR frames of the demo's photo saying the speech, `rate` a second."""
    engine = le.load(preset=preset)
    avatar = engine.prepare(ASSETS / "face.jpg")
    with engine.stream(avatar, sample_rate=RATE, fps=rate) as stream:
        for frames in (stream.push(speech), stream.flush()):
            for frame in frames:
                yield frame.image_bgr


def waveform(speech: F32, width: int) -> U8:
    """Draw the loudest sample of each column; uint8 (WAVE_HEIGHT, width, 3) BGR."""
    peaks = np.array([np.abs(part).max() for part in np.array_split(speech, width)])
    half = (peaks / peaks.max() * (WAVE_HEIGHT / 2 - 3)).astype(int)
    picture = np.full((WAVE_HEIGHT, width, 3), PAPER, np.uint8)
    for x, height in enumerate(half):
        picture[WAVE_HEIGHT // 2 - height : WAVE_HEIGHT // 2 + height + 1, x] = INK
    return picture


def face(image_bgr: U8) -> U8:
    """Cut the head out and make it FACE_SIZE."""
    return np.asarray(
        cv2.resize(image_bgr[FACE_ROWS, FACE_COLUMNS], FACE_SIZE, interpolation=cv2.INTER_AREA), np.uint8
    )


def compose(photo: U8, made: U8, wave: U8, part: float) -> U8:
    """Lay photo and result side by side over the waveform, with its line at `part` (0 to 1) of the width."""
    wave = wave.copy()
    x = min(int(part * wave.shape[1]), wave.shape[1] - 2)
    wave[:, x : x + 2] = LINE
    gap = np.full((photo.shape[0], GAP, 3), PAPER, np.uint8)
    return np.concatenate([np.concatenate([photo, gap, made], axis=1), wave])


def main() -> None:
    """Write the animation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "assets" / "demo.webp")
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--seconds", type=float, default=4.5)
    parser.add_argument("--fps", type=int, default=25, help="frames a second that are made")
    parser.add_argument("--every", type=int, default=2, help="every how many of them are shown")
    parser.add_argument("--quality", type=int, default=75)
    args = parser.parse_args()
    speech = read_speech(ASSETS / "speech.flac", args.seconds)
    photo = cv2.imread(str(ASSETS / "face.jpg"))
    assert photo is not None
    wave = waveform(speech, 2 * FACE_SIZE[0] + GAP)
    frames = [face(frame) for frame in made_frames(args.preset, speech, args.fps)][:: args.every]
    pages = [
        Image.fromarray(compose(face(np.asarray(photo, np.uint8)), frame, wave, i / len(frames))[:, :, ::-1])
        for i, frame in enumerate(frames)
    ]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    pages[0].save(
        args.output,
        save_all=True,
        append_images=pages[1:],
        duration=round(1000 * args.every / args.fps),
        loop=0,
        quality=args.quality,
        method=6,
    )
    print(f"{args.output}: {len(pages)} frames, {args.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
