"""From phones to mouths: what Flite says when, and how the mouths of the corpus look while it is said.

The corpus says 51 words. A small model from phones to mouth coefficients, which hears no voice at all, is learnt on
them and then gives mouths to any text that Flite reads (`readings.py`), so that the audio encoder hears more than 51
words. Phones that look alike are one class (visemes, after Fisher, JSHR 1968), so that few are missing in the corpus.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.data.sounds import read_sound
from training.lips.coefficients import COEFFICIENTS

Array = npt.NDArray[Any]

VISEMES = (
    ("pau",), ("p", "b", "m"), ("f", "v"), ("th", "dh"), ("t", "d", "n"), ("l",), ("s", "z"),
    ("sh", "ch", "jh", "zh"), ("k", "g", "ng", "hh"), ("r",), ("w",), ("y", "ih"), ("iy",), ("aa", "ah", "ax"),
    ("ay",), ("aw",), ("ae",), ("eh",), ("ey",), ("ow", "ao", "oy"), ("uw", "uh"), ("er",),
)  # fmt: skip
CLASS = {phone: i for i, phones in enumerate(VISEMES) for phone in phones}
COLUMNS_PER_SECOND = 80
REACH = 24  # columns before and after that a mouth depends on: 0.3 s


def flite(text: str, voice: str, stretch: float, folder: Path) -> tuple[Array, list[tuple[str, float]]]:
    """Let Flite read a text.

    Returns:
        The sound, float32 16 kHz, and for each phone Flite's name and the second at which it ends.
    """
    path = folder / "read.wav"
    command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
    command += ["-psdur", "-t", text, "-o", str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    pairs = (item.rsplit(":", 1) for item in said if ":" in item)
    return read_sound(path), [(phone, float(end)) for phone, end in pairs]


def read_aloud(text: str, voice: str, stretch: float, folder: Path) -> tuple[Array, list[tuple[int, float]]]:
    """Let Flite read a text; the sound, and for each phone its class and the second at which it ends."""
    sound, phones = flite(text, voice, stretch, folder)
    return sound, [(CLASS.get(phone, 0), end) for phone, end in phones]


def classes_at(phones: list[tuple[int, float]], times: Array) -> Array:
    """Return which class is said at each second of `times` (n,), one-hot float32 (n, classes); silence around."""
    ends = np.array([end for _, end in phones])
    kinds = np.array([kind for kind, _ in phones] + [0])
    which = np.where(times < 0, 0, kinds[np.searchsorted(ends, times, side="right")])
    return np.eye(len(VISEMES), dtype=np.float32)[which]


class Mouths(nn.Module):
    """Classes (B, T, classes) at 80 a second → coefficients (B, T, 8); sees `REACH` columns either way."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(len(VISEMES), 32, 1), nn.ReLU(), nn.Dropout(0.1),
            nn.Conv1d(32, 64, 2 * REACH + 1, padding=REACH), nn.ReLU(), nn.Dropout(0.2),
            nn.Conv1d(64, COEFFICIENTS, 1),
        )  # fmt: skip

    def forward(self, classes: Tensor) -> Tensor:
        """Return the coefficients of every column."""
        return self.layers(classes.transpose(1, 2)).transpose(1, 2)


def learn_mouths(
    said: list[Array], shown: list[Array], times: list[Array], weight: Array, seed: int
) -> tuple[nn.Module, float]:
    """Learn mouths from phones.

    Args:
        said: for each clip, classes (T, classes) at 80 a second.
        shown: for each clip, coefficients (n, 8).
        times: for each clip, seconds (n,) of the coefficients.
        weight: (clips,), how much each clip counts.
        seed: for the order of clips; every tenth clip is held out.

    Returns:
        The model, and its correlation with the first coefficient of the clips that were held out.
    """
    torch.manual_seed(seed)
    net, rng = Mouths(), np.random.default_rng(seed)
    held = [i for i in range(len(said)) if i % 10 == 9]
    kept = [i for i in range(len(said)) if i % 10 != 9]
    chance = weight[kept] / weight[kept].sum()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    for step in range(1500):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / 1500) + 1e-5
        loss = torch.zeros(())
        for i in rng.choice(kept, 8, p=chance):
            made = net(torch.from_numpy(said[i])[None])[0][_columns(times[i], len(said[i]))]
            real = torch.from_numpy(shown[i])
            loss = loss + (made - real).abs().mean() + (made.diff(dim=0) - real.diff(dim=0)).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    net.eval()
    likeness = [np.corrcoef(mouths_of(net, said[i], times[i])[:, 0], shown[i][:, 0])[0, 1] for i in held]
    return net, float(np.mean(likeness))


def mouths_of(net: nn.Module, said: Array, times: Array) -> Array:
    """Return the coefficients float32 (n, 8) at `times` of classes (T, classes)."""
    with torch.no_grad():
        return net(torch.from_numpy(said)[None])[0].numpy()[_columns(times, len(said))]


def _columns(times: Array, count: int) -> Array:
    return np.clip(np.round(times * COLUMNS_PER_SECOND).astype(int), 0, count - 1)
