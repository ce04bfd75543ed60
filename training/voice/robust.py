"""How well an audio encoder still hears calls, old files and rooms: r on ordinary speech whose sound was damaged.

python -m training voice.robust --encoder models_onnx/edge_voice.fp32.onnx --mesh MESH --name ROW

Basis r of opening, width and jaw (`training.voice.measure`); the damage is the same for every encoder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK
from training.data.sounds import read_sound
from training.lips.coefficients import ShapeModel
from training.voice.damage import CODECS, in_room, through
from training.voice.encoders import open_encoder
from training.voice.measure import r_of
from training.voice.measures import NAMES, fixed_readout
from training.voice.natural import CHOOSE, REPORT, load_talks

Array = npt.NDArray[Any]


def with_noise(samples: Array, rng: np.random.Generator, below_db: float = 10.0) -> Array:
    """Return a voice with white noise so far below its own level."""
    noise = rng.normal(size=len(samples)) * samples.std() * 10 ** (-below_db / 20)
    return np.asarray(samples + noise, np.float32)


WAYS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "as it is": lambda samples, _: samples,
    "Opus, 6 kb/s": lambda samples, _: through(samples, CODECS[0]),
    "AMR of a call, 8 kb/s": lambda samples, _: through(samples, CODECS[6]),
    "MP3, 16 kb/s": lambda samples, _: through(samples, CODECS[4]),
    "a room": in_room,
    "noise 10 dB below": with_noise,
}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=Path, default=Path("models_onnx/edge_voice.fp32.onnx"))
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--shape", type=Path, default=Path("training/voice/shape.npz"))
    parser.add_argument("--name", default="", help="of the row")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/voice_damaged.json"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    readout = fixed_readout(ShapeModel.load(options.shape))
    encoder = open_encoder(options.encoder, options.shape)
    talks = load_talks(options.corpus, options.mesh)
    sounds = {
        talk.name: read_sound(next((options.corpus / "eval" / "natural").glob(f"{talk.name}.*")))
        for talk in talks
    }
    result: dict[str, Any] = {}
    for way, harm in WAYS.items():
        found = {}
        for k, talk in enumerate(talks):
            mel = mel_spectrogram(harm(sounds[talk.name], np.random.default_rng(k)))
            made = encoder(mel, talk.times) @ readout.T
            found[talk.name] = [r_of(made[:, j], talk.real[:, j]) for j in range(len(NAMES))]
        result[way] = {
            key: np.mean([found[name] for name in names], 0).round(3).tolist()
            for key, names in (("choose", CHOOSE), ("report", REPORT), ("all", (*CHOOSE, *REPORT)))
        }
        print(way, json.dumps(result[way]), flush=True)
    rows = json.loads(options.out.read_text()) if options.out.is_file() else {}
    rows[options.name or options.encoder.stem] = result
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
