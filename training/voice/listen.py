"""Self-training: voices whose phones nobody knows get the mouths that a trained encoder hears in them.

python -m training voice.listen --encoder FOLDER --data DATA

Heard undisguised; the student then hears them disguised and must say the same (heard.npz). And recordings whose
phones the encoder does not hear at all were aligned wrongly or said something else: the rest is agreeing.npz.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from training.data.noise import FLOOR
from training.voice.network import COLUMNS, OFFSET, STRIDE, Encoder, load_encoder
from training.voice.sampler import LEAD
from training.voice.utterance import Utterance, load, save

Array = npt.NDArray[Any]

DISAGREES = 0.47  # nats: a quarter of the learners and a twentieth of the readers are worse


def heard_in(net: Encoder, mel: Array) -> Array:
    """Return the unscaled coefficients of every column of a mel (80, T), float32 (T, 8), as they lie in the clips."""
    total = mel.shape[1]
    ends = ((0, 0), (-OFFSET, COLUMNS + OFFSET + STRIDE))
    padded = np.pad(mel.astype(np.float32), ends, constant_values=FLOOR)
    with torch.no_grad():
        coefficients = net.both(torch.from_numpy(padded)[None])[0][0].numpy()
    at = np.arange(coefficients.shape[1]) * STRIDE + LEAD
    return np.stack([np.interp(np.arange(total), at, row) for row in coefficients], 1).astype(np.float32)


def phone_error(net: Encoder, utterance: Utterance) -> float:
    """Return the mean cross-entropy of the features that should be said, in nats."""
    ends = ((0, 0), (-OFFSET, COLUMNS + OFFSET))
    padded = np.pad(utterance.mel.astype(np.float32), ends, constant_values=FLOOR)
    with torch.no_grad():
        logits = net.both(torch.from_numpy(padded)[None])[1][0].T
    said = torch.from_numpy((utterance.features[::STRIDE].astype(np.float32) + 1) / 2)
    count = min(len(said), len(logits))
    return float(F.binary_cross_entropy_with_logits(logits[:count], said[:count]))


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Listen to the voices of tongues.npz, and to whether those of read.npz say what they should."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    net = load_encoder(options.encoder)
    made = [
        Utterance(u.group, u.speaker, u.mel, u.features, heard_in(net, u.mel).astype(np.float16), False)
        for u in load(options.data / "tongues.npz")
    ]
    save(made, options.data / "heard.npz")
    aligned = load(options.data / "read.npz")
    agreeing = [u for u in aligned if phone_error(net, u) < DISAGREES]
    save(agreeing, options.data / "agreeing.npz")
    print(f"{len(made)} voices heard, {len(agreeing)} of {len(aligned)} aligned ones agree")
