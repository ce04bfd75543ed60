"""What the audio encoder learns from: sounds with phones, mouths, or both, on the grid of mel columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One stretch of sound; everything has T columns, 80 a second.

    Attributes:
        group: which kind of data (grid, read, learner, tongues, synthetic).
        speaker: whose voice.
        mel: float16 (80, T).
        features: int8 (T, features) of `articulation`, or (0, features) where the phones are not known.
        codes: float16 (T, 8), mouth coefficients, or (0, 8) where nobody saw or guessed them.
        seen: whether the coefficients come from a picture.
    """

    group: str
    speaker: str
    mel: Array
    features: Array
    coefficients: Array
    seen: bool


def save(utterances: list[Utterance], path: Path) -> None:
    """Write utterances as one .npz."""
    arrays: dict[str, Array] = {
        "group": np.array([u.group for u in utterances]),
        "speaker": np.array([u.speaker for u in utterances]),
        "seen": np.array([u.seen for u in utterances]),
        "columns": np.array([u.mel.shape[1] for u in utterances]),
        "phones": np.array([len(u.features) for u in utterances]),
        "mouths": np.array([len(u.coefficients) for u in utterances]),
        "mel": np.concatenate([u.mel.astype(np.float16) for u in utterances], 1),
        "features": np.concatenate([u.features for u in utterances]),
        "codes": np.concatenate([u.coefficients.astype(np.float16) for u in utterances]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> list[Utterance]:
    """Read what `save` wrote."""
    with np.load(path) as data:
        part = {key: data[key] for key in data.files}
    at = {key: np.concatenate([[0], np.cumsum(part[key])]) for key in ("columns", "phones", "mouths")}
    return [
        Utterance(
            str(part["group"][i]),
            str(part["speaker"][i]),
            part["mel"][:, at["columns"][i] : at["columns"][i + 1]],
            part["features"][at["phones"][i] : at["phones"][i + 1]],
            part["codes"][at["mouths"][i] : at["mouths"][i + 1]],
            bool(part["seen"][i]),
        )
        for i in range(len(part["group"]))
    ]
