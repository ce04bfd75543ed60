"""The sync expert: five frames of a mouth and sixteen mel columns → two embeddings, alike where they belong together.

After SyncNet (Chung and Zisserman, "Out of time", ACCV 2016), but run over whole stretches at once: a frame is seen
once, a column is heard once, and every pair of a stretch is a negative of every other. What a face always looks like
is taken away (the mean over the stretch), so that only motion can be compared.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.blocks import mel_spectrum

SIDE = 48  # of the mouth's picture, pixels
FRAMES = 5  # of a window
COLUMNS = 16  # of a window
EMBEDDING = 128


def layer(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    """Convolution, normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class MouthEncoder(nn.Module):
    """Grey mouths (B, frames, 48, 48) 0…1, 25 a second → embeddings (B, frames − 4, 128) of length one."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.frame = nn.Sequential(
            layer(1, 32, 5, 2), layer(32, 64, 3, 2), layer(64, 96, 3, 2), layer(96, 96, 3, 1),
            nn.Flatten(1), nn.Linear(96 * 6 * 6, width),
        )  # fmt: skip
        self.time = nn.Sequential(
            nn.Conv1d(width, width, FRAMES), nn.ReLU(), nn.Dropout1d(0.1), nn.Conv1d(width, EMBEDDING, 1)
        )

    def forward(self, mouths: Tensor) -> Tensor:
        """Return one embedding for each window of five frames."""
        mean = mouths.mean((1, 2, 3), keepdim=True)
        spread = (mouths - mean).pow(2).mean((1, 2, 3), keepdim=True).add(1e-3).sqrt()
        pictures = ((mouths - mean) / spread).flatten(0, 1)[:, None]
        seen = self.frame(pictures).unflatten(0, mouths.shape[:2]).float()
        moved = seen - seen.mean(1, keepdim=True)
        return F.normalize(self.time(moved.transpose(1, 2)).transpose(1, 2).float(), dim=2)


class MelEncoder(nn.Module):
    """Mel (B, 80, T) → embeddings (B, T − 15, 128) of length one, one for each window of 16 columns."""

    def __init__(self, width: int = 160) -> None:
        super().__init__()
        self.spectrum = mel_spectrum()
        self.time = nn.Sequential(
            nn.Conv1d(32 * 20, width, 1), nn.ReLU(), nn.Dropout1d(0.1),
            nn.Conv1d(width, width, 5), nn.ReLU(),
            nn.Conv1d(width, width, 8), nn.ReLU(), nn.Conv1d(width, EMBEDDING, 1),
        )  # fmt: skip

    def forward(self, mel: Tensor) -> Tensor:
        """Return the embeddings of every window."""
        heard = self.spectrum(mel.unsqueeze(1) / 4).flatten(1, 2)
        return F.normalize(self.time(heard).transpose(1, 2).float(), dim=2)


class Expert(nn.Module):
    """Both halves, and how sharply likeness is weighed."""

    def __init__(self) -> None:
        super().__init__()
        self.mouth_encoder = MouthEncoder()
        self.audio_encoder = MelEncoder()
        self.sharpness = nn.Parameter(torch.tensor(2.3))  # natural logarithm

    def forward(self, mouths: Tensor, mel: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings of the windows that begin at each frame but the last four, and of their sound.

        Args:
            mouths: (B, frames, 48, 48) 0…1.
            mel: (B, 80, T).
            columns: int (B, frames − 4), the first column of each window.

        Returns:
            Two tensors (B, frames − 4, 128).
        """
        heard = self.audio_encoder(mel)
        return self.mouth_encoder(mouths), torch.take_along_dim(heard, columns[:, :, None], 1)
