"""What mouths do at each kind of phone, made against real, and whether lips shut at p, b and m.

python -m training voice.phone_figures --encoder models_onnx/edge_voice.fp32.onnx --mesh MESH [--recogniser]

Clips of `eval` whose words are known are aligned (`said_texts`); opening and width are read at the middle of every
phone, the opening from the least open frames on, the width from the clip's mean, in eye distances. Sound and pictures
of each file are laid together first (`measure.in_own_time`).

Closures: the p, b and m at which the speaker's lips are seen shut; kept where the made ones are shut within a frame of
it, as `measure` has it. `open_kept` is the counterpart: vowels at which lips are seen open and made open, so that a
mouth that is always shut does not win. `--recogniser` counts closures over the fifteen clips of ordinary speech with
p, b and m as hama hears them (Apache-2.0, a labeller only; its phones come about 0.1 s late).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training.cli import WORK
from training.data.sounds import read_sound
from training.lips.coefficients import ShapeModel
from training.voice.align import SHIFT, Aligner, Phone
from training.voice.encoders import EncoderCall, open_encoder
from training.voice.measure import LAGS, NEAR, OPEN, SHUT, in_own_time
from training.voice.measures import fixed_readout
from training.voice.natural import CHOOSE, REPORT, Talk, read_talk
from training.voice.said_texts import TEXTS
from training.voice.viseme_chart import VISEMES

Array = npt.NDArray[Any]

BILABIAL = frozenset("PBM")
VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
HEARD = {"p": "P", "b": "B", "m": "M"} | dict.fromkeys(("ɑ", "æ", "aɪ", "aʊ", "ɛ", "eɪ", "oʊ", "ɔ"), "AA")
HEARD_SPAN = (-0.14, 0.0)  # seconds round the recogniser's time in which the phone is
AROUND = 0.03  # seconds before and after a phone that belong to its closure


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """One clip in its own time: phones in seconds of the pictures, and both curves.

    Attributes:
        phones: with the times at which their mouths are seen.
        times: float (n,), of the frames.
        real: float (n, 3), opening from the least open frames on, width and jaw from their means.
        made: float (n, 3), likewise.
    """

    phones: list[Phone]
    times: Array
    real: Array
    made: Array


def from_rest(curves: Array) -> Array:
    """Return curves (n, 3) with the opening from the 5 % quantile on, width and jaw from their means."""
    return curves - np.array([np.quantile(curves[:, 0], 0.05), *curves[:, 1:].mean(0)])


def curves_of(talk: Talk, phones: list[Phone], encoder: EncoderCall, readout: Array) -> Curves:
    """Lay phones (seconds of the sound) and what an encoder makes on the pictures of a clip."""
    every = np.stack([encoder(talk.mel, talk.times + lag) @ readout.T for lag in LAGS])
    _, lags = in_own_time(every, talk.real)
    lag = float(np.mean(lags))
    made = encoder(talk.mel, talk.times + lag) @ readout.T
    moved = [(name, start - lag, end - lag) for name, start, end in phones]
    return Curves(moved, talk.times, from_rest(talk.real), from_rest(made))


def phones_at(clips: list[Curves]) -> list[dict[str, Any]]:
    """Return mean opening and width of each kind of phone, made and real."""
    rows = []
    for name, (phones, _) in VISEMES.items():
        wanted = set(phones.split()) or {"SIL"}
        real: list[list[float]] = []
        made: list[list[float]] = []
        for clip in clips:
            for phone, start, end in clip.phones:
                middle = (start + end) / 2
                if phone in wanted and clip.times[0] <= middle <= clip.times[-1]:
                    for curve, out in ((clip.real, real), (clip.made, made)):
                        out.append([float(np.interp(middle, clip.times, curve[:, j])) for j in (0, 1)])
        if real:
            means = np.concatenate([np.mean(real, 0), np.mean(made, 0)]).round(3).tolist()
            keys = ("real_opening", "real_width", "made_opening", "made_width")
            rows.append({"viseme": name, "count": len(real), **dict(zip(keys, means, strict=True))})
    return rows


def closures_at(clips: list[Curves]) -> dict[str, Any]:
    """Return how many of the seen closures at p, b, m are made, and how many open vowels stay open."""
    counts = dict.fromkeys(("said", "seen", "kept", "vowels", "open"), 0)
    for clip in clips:
        low, high = np.quantile(clip.made[:, 0], [0.05, 0.95])
        near = low + NEAR * (high - low)
        for phone, start, end in clip.phones:
            inside = np.flatnonzero((clip.times >= start - AROUND) & (clip.times <= end + AROUND))
            if not len(inside):
                continue
            if phone in BILABIAL:
                frame = int(inside[np.argmin(clip.real[inside, 0])])
                counts["said"] += 1
                if clip.real[frame, 0] < SHUT:
                    counts["seen"] += 1
                    counts["kept"] += bool(clip.made[max(0, frame - 1) : frame + 2, 0].min() < near)
            elif phone in VOWELS:
                frame = int(np.argmin(np.abs(clip.times - (start + end) / 2)))
                if clip.real[frame, 0] > OPEN:
                    counts["vowels"] += 1
                    counts["open"] += bool(clip.made[frame, 0] >= near)
    shares = {"kept_share": counts["kept"] / max(1, counts["seen"])}
    shares["open_share"] = counts["open"] / max(1, counts["vowels"])
    return {**counts, **{key: round(value, 3) for key, value in shares.items()}}


def known_clips(corpus: Path, mesh: Path, encoder: EncoderCall, readout: Array) -> list[Curves]:
    """Return the clips whose words are known, aligned."""
    aligner, out = Aligner(), []
    for name, text in TEXTS.items():
        path = next((corpus / "eval").rglob(f"{name}.*"))
        label = mesh / path.relative_to(corpus).with_suffix(".npz")
        words = aligner.words(read_sound(path), text)
        phones = [(p, a + SHIFT, b + SHIFT) for _, some in words or [] for p, a, b in some]
        if phones:
            out.append(curves_of(read_talk(path, label), phones, encoder, readout))
    return out


def recognised_clips(corpus: Path, mesh: Path, encoder: EncoderCall, readout: Array) -> dict[str, Curves]:
    """Return the clips of ordinary speech with p, b, m and open vowels where the recogniser hears them."""
    from hama.asr import ASRModel  # type: ignore[import-not-found]

    recogniser, out = ASRModel(), {}
    for name in (*CHOOSE, *REPORT):
        path = next((corpus / "eval" / "natural").glob(f"{name}.*"))
        spans = recogniser.phoneme_spans(recogniser(read_sound(path), 16_000))
        before, after = HEARD_SPAN
        phones = [
            (HEARD[s.phoneme], s.start_ms / 1000 + before, s.start_ms / 1000 + after)
            for s in spans
            if s.phoneme in HEARD
        ]
        talk = read_talk(path, mesh / "eval" / "natural" / f"{name}.npz")
        out[name] = curves_of(talk, phones, encoder, readout)
    return out


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=Path, default=Path("models_onnx/edge_voice.fp32.onnx"))
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--shape", type=Path, default=Path("training/voice/shape.npz"))
    parser.add_argument(
        "--recogniser", action="store_true", help="also count closures where hama hears p, b, m"
    )
    parser.add_argument("--name", default="", help="of the row")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/phones.json"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    readout = fixed_readout(ShapeModel.load(options.shape))
    encoder = open_encoder(options.encoder, options.shape)
    clips = known_clips(options.corpus, options.mesh, encoder, readout)
    row: dict[str, Any] = {"phones": phones_at(clips), "aligned": closures_at(clips)}
    if options.recogniser:
        heard = recognised_clips(options.corpus, options.mesh, encoder, readout)
        for key, names in (("choose", CHOOSE), ("report", REPORT), ("all", (*CHOOSE, *REPORT))):
            row[f"recognised_{key}"] = closures_at([heard[name] for name in names])
    for key, value in row.items():
        for one in value if isinstance(value, list) else [value]:
            print(key, json.dumps(one), flush=True)
    rows = json.loads(options.out.read_text()) if options.out.is_file() else {}
    rows[options.name or options.encoder.stem] = row
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
