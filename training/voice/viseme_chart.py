"""The viseme chart: one face says sixteen visemes out of real recordings, as a picture and as figures.

python -m training voice.viseme_chart --corpus CORPUS --task face_landmarker.task

The recordings are those of LJ Speech (read by Linda Johnson, public domain), their phones laid on by forced alignment.
Of each viseme the longest phones are rendered, one recording each, on the face of the demo; the picture shows the one
whose opening is the median, so neither the best nor the worst. Figures are what mesh v2 reads from the made pictures,
beside what the audio encoder asks, both from the shut mouth on, in eye distances.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lipsync_edge.demo import demo_files
from lipsync_edge.engine import Engine, load
from lipsync_edge.render.exemplars.asked import Articulation, articulated
from training.cli import WORK
from training.data.sounds import read_sound
from training.mouth.shape import mouth_shape
from training.teachers.mesh_v2 import TASK, MeshTeacher
from training.voice.align import SHIFT, Aligner
from training.voice.prepare_voices import rows_of

Array = npt.NDArray[Any]

VISEMES = {
    "silence": ("", "shut, at rest"), "p b m": ("P B M", "lips shut"), "f v": ("F V", "lip under teeth"),
    "th": ("TH DH", "tongue at the teeth"), "t d n": ("T D N", "teeth near"), "s z": ("S Z", "teeth together"),
    "sh ch": ("SH CH ZH JH", "lips forward"), "k g ng": ("K G NG", "as its vowels"),
    "l": ("L", "tongue up"), "r": ("R", "a little round"), "w": ("W", "round, narrow"), "oo": ("UW", "round, narrow"),
    "o": ("OW AO", "round"), "ah": ("AA", "wide open"), "a e": ("AE EH", "open, wide"), "ee": ("IY", "spread"),
}  # fmt: skip
"""Viseme → ARPAbet phones, and what a phonetician expects to see."""

SET = ("ljspeech", "ljspeech_more")
FPS, RATE = 25, 16_000
BEFORE, AFTER = 1.2, 0.5  # seconds of sound that are heard round the phone
LONGEST = 0.25  # seconds
EACH = 5  # phones of a viseme that are rendered
CELL = 224
INK, QUIET = (33, 37, 41), (110, 117, 125)
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


@dataclass(frozen=True, slots=True)
class Token:
    """One phone in a recording: the file, its word, and seconds."""

    path: Path
    word: str
    phone: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What was made of a token: the picture, opening and width of the made mouth, those asked, and tuck and tongue."""

    token: Token
    image_bgr: Array
    made: Array
    asked: Array
    said: Articulation


def tokens_of(corpus: Path) -> list[Token]:
    """Return every phone of the recordings that could be aligned; silences between words among them."""
    aligner, out = Aligner(), []
    for row in rows_of(corpus):
        path = corpus / "voices" / row["file"]
        words = aligner.words(read_sound(path), row["transcript"]) if row["set"] in SET else None
        for word, phones in words or []:
            out += [Token(path, word, name, start + SHIFT, end + SHIFT) for name, start, end in phones]
    return out


def longest(tokens: list[Token], phones: str) -> list[Token]:
    """Return the longest tokens of a viseme, at most one of a recording and a word; the longest silences for ""."""
    wanted = set(phones.split()) or {"SIL"}
    most = LONGEST if phones else 10.0
    good = [t for t in tokens if t.phone in wanted and t.end - t.start <= most and t.start > 0.3]
    out: list[Token] = []
    for token in sorted(good, key=lambda t: t.start - t.end):
        if all((token.path, token.word) != (o.path, o.word) and token.path != o.path for o in out):
            out.append(token)
    return out[:EACH]


def say(engine: Engine, avatar: Any, token: Token) -> tuple[Array, Array, Articulation]:
    """Return the frame, uint8 (H, W, 3), at the middle of a token, the coefficients asked there, (8,), and the rest."""
    samples = read_sound(token.path)
    middle = (token.start + token.end) / 2
    count = min(round(BEFORE * FPS), int(middle * FPS))  # frames before it, so that one stands at the middle
    first = round((middle - count / FPS) * RATE)
    piece = samples[first : round((middle + AFTER) * RATE)]
    frames = []
    with engine.stream(avatar, sample_rate=RATE, fps=FPS) as stream:
        for made in (stream.push(piece), stream.flush()):
            frames += [frame.image_bgr for frame in made]
    features = engine.renderer.listen(RATE)
    features.push(piece)
    features.end()
    encoder = engine.renderer.encoder
    assert encoder is not None
    coefficients, heard = encoder.hear([features.window(Fraction(count, FPS)).features])
    return frames[count], coefficients[0], Articulation.of(heard[0])


def read_off(teacher: MeshTeacher, image_bgr: Array) -> tuple[Array, Array]:
    """Return opening, width and jaw (3,) in eye distances, as the encoder's card means them, and a picture's points."""
    teacher.reset()
    found = teacher(image_bgr)
    if found is None:
        raise SystemExit("no face in a made picture")
    return mouth_shape(found.points[None]).astype(float)[0], found.points


def shown_for(engine: Engine, teacher: MeshTeacher, tokens: list[Token], photo: Array) -> list[Shown]:
    """Render tokens and measure them against the photo's own mouth."""
    encoder = engine.renderer.encoder
    assert encoder is not None
    avatar, rest = engine.prepare(demo_files()[0]), read_off(teacher, photo)[0]
    out = []
    for token in tokens:
        image, coefficients, said = say(engine, avatar, token)
        asked = encoder.to_shape @ coefficients
        asked[0] = articulated(float(asked[0]), said)
        out.append(Shown(token, image, read_off(teacher, image)[0] - rest, asked, said))
    return out


def median_one(some: list[Shown]) -> Shown:
    """Return the one whose made opening is the median."""
    return sorted(some, key=lambda one: float(one.made[0]))[len(some) // 2]


def font(size: int) -> Any:
    """Return a font with IPA letters where there is one."""
    return ImageFont.truetype(FONT, size) if Path(FONT).is_file() else ImageFont.load_default(size)


def cell(image_bgr: Array, points: Array, name: str, one: Shown, expected: str) -> Image.Image:
    """Draw the mouth of a picture with its viseme below it."""
    corners, eyes = points[[61, 291], :2], points[[33, 263], :2]
    middle, unit = corners.mean(0), float(np.linalg.norm(eyes[0] - eyes[1]))
    half = 0.44 * unit
    left, top = (middle - [half, 0.95 * half]).round().astype(int)
    side = round(2 * half)
    mouth = image_bgr[max(top, 0) : top + side, max(left, 0) : left + side]
    picture = Image.new("RGB", (CELL, CELL + 50), "white")
    resized = cv2.resize(mouth, (CELL, CELL), interpolation=cv2.INTER_CUBIC)
    picture.paste(Image.fromarray(np.ascontiguousarray(resized[:, :, ::-1])), (0, 0))
    draw = ImageDraw.Draw(picture)
    draw.text((4, CELL + 2), name, INK, font(20))
    word = "between words" if name == "silence" else f"“{one.token.word}”"
    draw.text((4, CELL + 28), f"{word}: {expected}", QUIET, font(13))
    return picture


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--task", type=Path, default=TASK)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--picture", type=Path, default=Path("docs/assets/visemes.webp"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/visemes.json"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Render, measure and draw."""
    options = arguments().parse_args(argv)
    engine = load(preset="lite", precision=options.precision, models=options.models)
    teacher, photo = MeshTeacher(options.task), cv2.imread(str(demo_files()[0]))
    assert photo is not None
    points = read_off(teacher, photo)[1]
    tokens, cells, rows = tokens_of(options.corpus), [], []
    for name, (phones, expected) in VISEMES.items():
        shown = shown_for(engine, teacher, longest(tokens, phones), photo)
        one = median_one(shown)
        cells.append(cell(one.image_bgr, points, name, one, expected))
        made, asked = (
            np.mean([getattr(s, key) for s in shown], 0).astype(float).round(3) for key in ("made", "asked")
        )
        row = {"viseme": name, "phones": phones, "count": len(shown), "word": one.token.word}
        row |= {"file": one.token.path.name, "seconds": round((one.token.start + one.token.end) / 2, 3)}
        row |= {f"made_{key}": float(made[j]) for j, key in enumerate(("opening", "width"))}
        row |= {
            key: round(float(np.mean([getattr(s.said, key) for s in shown])), 2) for key in ("tuck", "tongue")
        }
        row |= {f"asked_{key}": float(asked[j]) for j, key in enumerate(("opening", "width"))}
        rows.append(row)
        print(*row.values(), flush=True)
    sheet = Image.new("RGB", (4 * (CELL + 8) - 8, 4 * (CELL + 58) - 8), "white")
    for i, picture in enumerate(cells):
        sheet.paste(picture, (i % 4 * (CELL + 8), i // 4 * (CELL + 58)))
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.picture, quality=88)
    options.out.write_text(json.dumps({"visemes": rows}, indent=1) + "\n")
