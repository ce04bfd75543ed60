"""The enhancer's batches, and how sharpness is measured."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")


from training.enhancer.train import EnhanceLoss  # noqa: E402
from training.evaluate.enhancer import laplacian, measure  # noqa: E402


def picture(seed: int, side: int = 256) -> np.ndarray:
    """A smooth picture with some texture."""
    rng = np.random.default_rng(seed)
    base = cv2.resize(rng.integers(40, 210, (8, 8, 3)).astype(np.uint8), (side, side))
    return np.clip(base + rng.normal(0, 9, base.shape), 0, 255).astype(np.uint8)


def test_a_batch_is_the_sharp_patches_and_their_spoiled_halves() -> None:
    crops = np.stack([picture(k) for k in range(2)])
    seen = {}

    class Spy(torch.nn.Module):
        """Enlarges and remembers."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen["x"] = x
            return torch.nn.functional.interpolate(x, scale_factor=2.0)

    terms = EnhanceLoss(crops, size=10)(Spy())
    assert seen["x"].shape == (10, 3, 64, 64)
    assert {"pixel", "energy", "colour"} <= set(terms)


def test_measuring_tells_sharp_from_blurred() -> None:
    sharp = np.stack([picture(k, 64) for k in range(3)])
    small = [cv2.resize(s, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for s in sharp]

    def doubled(image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)

    row = measure(doubled, "halved", small, sharp)
    assert row.pictures == 3
    assert row.psnr == pytest.approx(row.psnr_bicubic)
    assert row.sharpness < 0.9
    noisy = np.clip(small[0] + np.random.default_rng(9).normal(0, 30, small[0].shape), 0, 255).astype(
        np.uint8
    )
    loud = measure(doubled, "noise", [noisy], sharp[:1])
    assert loud.sharpness > row.sharpness
    assert loud.true_detail < row.true_detail + 0.1  # noise is no detail
    assert laplacian(sharp[0]) > laplacian(cv2.GaussianBlur(sharp[0], (0, 0), 1))
