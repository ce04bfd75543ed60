"""Self-training: voices without pictures get the mouths that a trained encoder hears in them.

python -m training voice.listen --encoder FOLDER --data DATA

Heard undisguised, as the mean over a few lengths of the vocal tract; the student then hears them disguised and must say
the same (heard.npz). Where the phones are known, too, the mouths are the mean of what is heard and of what the phones
ask for (agreeing.npz), and recordings whose phones the encoder does not hear at all, which were aligned wrongly or say
something else, are left out. Damaged copies (`training.voice.prepare_voices`) get the mouths of the clean ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from training.data.noise import FLOOR
from training.voice.coarticulation import load_coarticulation, mouths_of
from training.voice.network import COLUMNS, OFFSET, STRIDE, Encoder, load_encoder
from training.voice.sampler import LEAD
from training.voice.utterance import Utterance, load, save

Array = npt.NDArray[Any]

DISAGREES = 0.47  # nats: a quarter of the learners and a twentieth of the readers are worse
TRACTS = (0.94, 1.0, 1.06)  # lengths of the vocal tract over which is averaged, as factors of the bands
HEARD = 0.5  # of a mouth whose phones are known, too


def heard_in(net: Encoder, mel: Array) -> Array:
    """Return the unscaled coefficients of every column of a mel (80, T), float32 (T, 8), as they lie in the clips."""
    total = mel.shape[1]
    ends = ((0, 0), (-OFFSET, COLUMNS + OFFSET + STRIDE))
    padded = np.pad(mel.astype(np.float32), ends, constant_values=FLOOR)
    versions = np.stack([_other_tract(padded, factor) for factor in TRACTS])
    with torch.no_grad():
        coefficients = net.both(torch.from_numpy(versions))[0].mean(0).numpy()
    at = np.arange(coefficients.shape[1]) * STRIDE + LEAD
    return np.stack([np.interp(np.arange(total), at, row) for row in coefficients], 1).astype(np.float32)


def _other_tract(mel: Array, factor: float) -> Array:
    """Return a mel (80, T) whose bands are moved as by another length of the vocal tract."""
    at = np.clip(np.arange(80) * factor, 0, 79)
    low = np.minimum(at.astype(int), 78)
    part = (at - low).astype(np.float32)[:, None]
    return (mel[low] * (1 - part) + mel[low + 1] * part).astype(np.float32)


def phone_error(net: Encoder, utterance: Utterance) -> float:
    """Return the mean cross-entropy of the features that should be said, in nats."""
    ends = ((0, 0), (-OFFSET, COLUMNS + OFFSET))
    padded = np.pad(utterance.mel.astype(np.float32), ends, constant_values=FLOOR)
    with torch.no_grad():
        logits = net.both(torch.from_numpy(padded)[None])[1][0].T
    said = torch.from_numpy((utterance.features[::STRIDE].astype(np.float32) + 1) / 2)
    count = min(len(said), len(logits))
    return float(F.binary_cross_entropy_with_logits(logits[:count], said[:count]))


def with_mouths(data: Path, name: str, mouths: dict[int, Array]) -> list[Utterance]:
    """Return the utterances of a file that have mouths, and after them their damaged copies with the same mouths.

    Args:
        data: folder of NAME.npz and, where there are copies in the same order, NAME_damaged.npz.
        name: of the file.
        mouths: number of an utterance → coefficients (T, 8).
    """
    files = [file for file in (data / f"{name}.npz", data / f"{name}_damaged.npz") if file.is_file()]
    return [
        replace(one, coefficients=mouths[i].astype(np.float16))
        for file in files
        for i, one in enumerate(load(file))
        if i in mouths
    ]


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
    net, phones = load_encoder(options.encoder), load_coarticulation(options.data)
    tongues = load(options.data / "tongues.npz")
    heard = {i: heard_in(net, u.mel) for i, u in enumerate(tongues)}
    save(with_mouths(options.data, "tongues", heard), options.data / "heard.npz")
    aligned = load(options.data / "read.npz")
    agreeing = {
        i: HEARD * heard_in(net, u.mel)[: len(u.features)] + (1 - HEARD) * mouths_of(phones, u)
        for i, u in enumerate(aligned)
        if phone_error(net, u) < DISAGREES
    }
    save(with_mouths(options.data, "read", agreeing), options.data / "agreeing.npz")
    print(f"{len(tongues)} voices heard, {len(agreeing)} of {len(aligned)} aligned ones agree")
