"""Voices without pictures: real ones whose phones are known, and synthetic ones in many languages.

python -m training voice.prepare_voices --corpus CORPUS --django DJANGO.whl --out DATA
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK
from training.data.phones import flite
from training.data.readings import sentences
from training.data.sounds import read_sound
from training.data.voices import FLITE
from training.voice.align import SHIFT, Aligner
from training.voice.articulation import ARPABET, FEATURES, Segment, features_at
from training.voice.damage import damaged
from training.voice.speak import Speaker
from training.voice.texts import messages
from training.voice.utterance import Utterance, save

Array = npt.NDArray[Any]

ALIGNED = {"librispeech_resemblyzer": "read", "speechocean762": "learner"}
TO_ALIGN = ("ljspeech", "ljspeech_more", "misc_fixtures")
VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5")
Way = Callable[[Array], Array]  # what happens to a sound, float32 16 kHz (n,); the same length
NO_CODES = np.zeros((0, 8), np.float16)


def unharmed(samples: Array) -> Array:
    """Return the sound as it is."""
    return samples


def rows_of(corpus: Path) -> list[dict[str, str]]:
    """Return the rows of the voices whose licence was found where they come from."""
    return [row for row in all_rows(corpus) if row["status"] == "clean"]


def all_rows(corpus: Path) -> list[dict[str, str]]:
    """Return the rows of all voices; those that are not `rows_of` are for measuring alone."""
    with (corpus / "voices" / "SOURCES.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def known_phones(corpus: Path, name: str) -> dict[str, list[Segment]]:
    """Return the phones of each file of an aligned set."""
    found: dict[str, list[Segment]] = {}
    with (corpus / "voices" / "phones" / f"{name}.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            start = float(row["start"]) + SHIFT
            phone = Segment(ARPABET.get(row["phone"], ""), start, start + float(row["dur"]))
            found.setdefault(row["file"], []).append(phone)
    return found


def aligned_voices(corpus: Path, way: Way = unharmed) -> list[Utterance]:
    """Return the real English voices, cut to where their phones are known, as they sound after a `way`."""
    rows, out = rows_of(corpus), []
    for name, group in ALIGNED.items():
        phones = known_phones(corpus, name)
        for row in rows:
            if row["file"] in phones:
                samples = read_sound(corpus / "voices" / row["file"])
                out.append(_cut(group, row["speaker"], way(samples), phones[row["file"]]))
    to_align = [row for row in rows if row["set"] in TO_ALIGN and row["lang"] == "en"]
    return out + by_alignment(corpus, to_align, way)


def by_alignment(corpus: Path, rows: list[dict[str, str]], way: Way = unharmed) -> list[Utterance]:
    """Return English voices whose words can be laid on the sound, as they sound after a `way`."""
    aligner, out = Aligner(), []
    for row in rows:
        samples = read_sound(corpus / "voices" / row["file"])
        segments = aligner(samples, row["transcript"])
        if segments:
            out.append(_cut("read", row["speaker"], way(samples), segments))
    return out


def _cut(group: str, speaker: str, samples: Array, phones: list[Segment]) -> Utterance:
    mel = mel_spectrogram(samples)
    features = features_at(phones, mel.shape[1])
    last = min(mel.shape[1], int(80 * (phones[-1].end + 0.3)))
    return Utterance(group, speaker, mel[:, :last].astype(np.float16), features[:last], NO_CODES, False)


def foreign_voices(corpus: Path, way: Way = unharmed) -> list[Utterance]:
    """Return the real voices of other languages, phones unknown, as they sound after a `way`."""
    out = []
    for row in rows_of(corpus):
        if row["lang"] != "en":
            mel = mel_spectrogram(way(read_sound(corpus / "voices" / row["file"]))).astype(np.float16)
            out.append(
                Utterance(
                    "tongues", row["speaker"], mel, np.zeros((0, len(FEATURES)), np.int8), NO_CODES, False
                )
            )
    return out


def synthetic_voices(wheel: Path, each: int, english: int, rng: np.random.Generator) -> list[Utterance]:
    """Return texts read by eSpeak NG, `each` a language, and English ones by eSpeak NG."""
    speaker, out = Speaker(), []
    texts = messages(wheel)
    for voice in ("en-us", "en-gb-x-rp", "en-gb-scotland"):
        texts[voice] = sentences(rng, english)
    for voice, all_texts in texts.items():
        count = 0
        for text in rng.permutation(np.array(all_texts, object)):
            variant = voice + VARIANTS[int(rng.integers(len(VARIANTS)))]
            said = speaker.say(str(text), variant, int(rng.integers(120, 210)), int(rng.integers(20, 80)))
            if said is None or len(said[0]) < 16000:
                continue
            mel = mel_spectrogram(said[0])
            features = features_at(said[1], mel.shape[1])
            out.append(Utterance("synthetic", variant, mel.astype(np.float16), features, NO_CODES, False))
            count += 1
            if count >= each:
                break
        print(voice, count, flush=True)
    return out


def flite_voices(count: int, rng: np.random.Generator) -> list[Utterance]:
    """Return sentences read by the four voices of Flite."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for i, text in enumerate(sentences(rng, count)):
            sound, said = flite(text, FLITE[i % 4], round(rng.uniform(0.85, 1.3), 2), Path(folder))
            starts = [0.0, *(end for _, end in said[:-1])]
            phones = [
                Segment(ARPABET.get(name.upper(), "ə" if name == "ax" else ""), start, end)
                for (name, end), start in zip(said, starts, strict=True)
            ]
            mel = mel_spectrogram(sound)
            features = features_at(phones, mel.shape[1])
            out.append(
                Utterance(
                    "synthetic", f"flite {FLITE[i % 4]}", mel.astype(np.float16), features, NO_CODES, False
                )
            )
    return out


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--django", type=Path, required=True, help="wheel of Django, for texts")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write read.npz, tongues.npz, damaged copies of both in the same order, and synthetic.npz."""
    options = arguments().parse_args(argv)
    rng = np.random.default_rng(options.seed)

    def way(samples: Array) -> Array:
        return damaged(samples, rng)

    parts = {
        "read": lambda: aligned_voices(options.corpus),
        "tongues": lambda: foreign_voices(options.corpus),
        "read_damaged": lambda: aligned_voices(options.corpus, way),
        "tongues_damaged": lambda: foreign_voices(options.corpus, way),
        "synthetic": lambda: (
            synthetic_voices(options.django, options.each, 300, rng) + flite_voices(500, rng)
        ),
    }
    for name, make in parts.items():
        made = make()  # type: ignore[no-untyped-call]
        save(made, options.out / f"{name}.npz")
        minutes = sum(u.mel.shape[1] for u in made) / 80 / 60
        print(
            f"{name}: {len(made)} of {len({u.speaker for u in made})} voices, {minutes:.0f} minutes",
            flush=True,
        )
