"""The discriminator: tells made mouths from real ones, patch by patch, knowing where the mouth should be open.

Least squares GAN (Mao et al., ICCV 2017) on patches (Isola et al., CVPR 2017), with feature matching (Wang et al.,
CVPR 2018) where the real picture of the same mouth is known.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.fit import mixed

RATE = 4e-4
SAVE_EVERY = 200


class Discriminator(nn.Module):
    """Windows (B, 3, 128, 128) 0…1 and where the mouth is open (B, 1, 128, 128) → one mark a patch, (B, 1, 16, 16)."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (4, 32, 64, 96)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 4, 2, 1))
            for a, b in zip(sizes, sizes[1:], strict=False)
        )
        self.mark = nn.Conv2d(96, 1, 3, 1, 1)

    def forward(self, picture: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the marks, 1 for real, and the features of each layer."""
        x = torch.cat([picture * 2 - 1, mask], 1)
        features = []
        with mixed():
            for layer in self.layers:
                x = F.leaky_relu(layer(x), 0.2)
                features.append(x.float())
            return self.mark(x).float(), features


class Adversary:
    """A discriminator, what it learns with, and where it is kept."""

    def __init__(self, path: Path) -> None:
        self.discriminator = Discriminator()
        self.optimiser = torch.optim.Adam(self.discriminator.parameters(), lr=RATE, betas=(0.5, 0.99))
        self.path = path
        self.steps = 0
        if path.is_file():
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.discriminator.load_state_dict(state["discriminator"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.steps = int(state["steps"])

    def learn(self, real: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor], weight: Tensor) -> None:
        """Learn one step from pictures and masks of both kinds; `weight` (B, 1, 16, 16) is that of each made patch."""
        marks_real = self.discriminator(*real)[0]
        marks_made = self.discriminator(made[0].detach(), made[1])[0]
        loss = (marks_real - 1).pow(2).mean() + (marks_made.pow(2) * weight).sum() / weight.sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.steps += 1
        if self.steps % SAVE_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Write the discriminator and what it learns with, to go on from."""
        state = {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }
        torch.save(state, self.path)

    def losses(
        self, made: Tensor, target: Tensor, mask: Tensor, weight: Tensor, same: Tensor
    ) -> dict[str, Tensor]:
        """Return what the mouth renderer pays: for patches that look made, and for features unlike the target's.

        Features count where `same` (B,) is 1: there the target is the real picture of the same mouth.
        """
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(False)
        marks, features = self.discriminator(made, mask)
        with torch.no_grad():
            wanted = self.discriminator(target, mask)[1]
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(True)
        fooled = ((marks - 1).pow(2) * weight).sum() / weight.sum()
        has = same[:, None, None, None]
        match = sum(
            (((a - b).abs() * has).mean((0, 2, 3)) / (b.abs().mean((0, 2, 3)) + 0.05)).mean()
            for a, b in zip(features, wanted, strict=True)
        )
        return {"fooled": fooled, "match": match}
