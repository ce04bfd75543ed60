"""What the audio encoder is trained to get right."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.voice.articulation import SHUT
from training.voice.sampler import Batch

SPREADS = (0.045, 0.022, 0.038)  # of opening, width and jaw of the talking clips, in eye distances
WEIGHTS = (1.0, 1.0, 0.8)
CLOSED = 0.03  # of the eye distance


def heard_losses(coefficients: Tensor, phones: Tensor, batch: Batch, readout: Tensor) -> dict[str, Tensor]:
    """Return the weighted terms.

    Args:
        coefficients: (B, 8, N), as made.
        phones: (B, features, N), logits.
        batch: what they should be.
        readout: (3, 8), opening, width and jaw of the coefficients.
    """
    weight = batch.mouth
    total = weight.sum() + 1e-6
    code_weight = torch.tensor([1.0, 0.8, 0.6, 0.5, 0.4, 0.4, 0.4, 0.4])[:, None]
    value = (F.smooth_l1_loss(coefficients, batch.coefficients, reduction="none") * code_weight).mean(1)
    spread, share = torch.tensor(SPREADS)[:, None], torch.tensor(WEIGHTS)[:, None]
    made, real = readout @ coefficients / spread, readout @ batch.coefficients / spread
    error = F.smooth_l1_loss(made, real, reduction="none") * share
    shut = (batch.features[:, SHUT] > 0) | (real[:, 0] * SPREADS[0] < CLOSED)
    wanted = torch.where(weight == 1, real[:, 0], real[:, 0].clamp(max=0))  # guessed mouths shut too little
    bared = F.relu(made[:, 0] - wanted) * shut
    speed = (F.smooth_l1_loss(made.diff(dim=2), real.diff(dim=2), reduction="none", beta=0.3) * share).mean(1)
    target = (batch.features + 1) / 2
    guess = F.binary_cross_entropy_with_logits(phones, target, reduction="none").mean(1)
    return {
        "value": 0.5 * (value * weight).sum() / total,
        "meant": 1.5 * (error.mean(1) * weight).sum() / total,
        "shut": 0.8 * (bared * weight).sum() / total,
        "speed": 2.0 * (speed * weight[:, 1:]).sum() / total,
        "likeness": 0.4 * _unlike(made, real, weight, share),
        "phones": 0.8 * (guess * batch.phone).sum() / (batch.phone.sum() + 1e-6),
    }


def _unlike(made: Tensor, real: Tensor, weight: Tensor, share: Tensor) -> Tensor:
    """Return 1 − the correlation of the curves (B, 3, N) within each stretch, weighted."""
    w = weight[:, None] / (weight.sum(1)[:, None, None] + 1e-6)
    a, b = made - (made * w).sum(2, keepdim=True), real - (real * w).sum(2, keepdim=True)
    product = (a * b * w).sum(2)
    spreads = ((a * a * w).sum(2) + 0.02).sqrt() * ((b * b * w).sum(2) + 0.02).sqrt()
    alike = (1 - product / spreads) * share[:, 0]
    counts = weight.amax(1)
    return (alike.mean(1) * counts).sum() / (counts.sum() + 1e-6)
