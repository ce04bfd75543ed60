"""The enhancer's own-lips pairs and its sharpness term."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from export.train.enhance import OWN_SHARE, EnhanceLoss, detail  # noqa: E402
from export.train.enhance_own import OwnOutput  # noqa: E402
from export.train.lips_networks import Hand  # noqa: E402
from export.train.measure_enhance import laplacian, measure  # noqa: E402


def picture(seed: int, side: int = 256) -> np.ndarray:
    """A smooth picture with some texture."""
    rng = np.random.default_rng(seed)
    base = cv2.resize(rng.integers(40, 210, (8, 8, 3)).astype(np.uint8), (side, side))
    return np.clip(base + rng.normal(0, 9, base.shape), 0, 255).astype(np.uint8)


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    """An untrained hand: it carries nothing, its mask is faint and everywhere the same."""
    torch.manual_seed(0)
    (tmp_path / "hand").mkdir()
    state = Hand().state_dict()
    torch.save({"mean": state}, tmp_path / "hand" / "last.pt")
    return tmp_path


def test_a_made_window_is_what_the_run_time_will_enhance(hand: Path) -> None:
    real = picture(2, 128)
    made = OwnOutput(hand)(picture(0), np.zeros(8, np.float32), real)
    assert made.shape == (64, 64, 3)
    own = cv2.resize(real, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    faint = 1 / (1 + np.exp(2.0))
    assert (
        np.abs(made.astype(float) - own).mean() < faint * 128
    )  # the untrained mask lets little paint through
    assert np.corrcoef(made.ravel(), own.ravel())[0, 1] > 0.95


def test_a_batch_holds_its_share_of_our_own_mouths() -> None:
    crops = np.stack([picture(k) for k in range(2)])
    own = np.zeros((3, 64, 64, 3), np.uint8), np.full((3, 128, 128, 3), 255, np.uint8)
    seen = {}

    class Spy(torch.nn.Module):
        """Enlarges and remembers."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen["x"] = x
            return torch.nn.functional.interpolate(x, scale_factor=2.0)

    terms = EnhanceLoss(crops, size=10, own=own)(Spy())
    black = (seen["x"].amax((1, 2, 3)) == 0).sum()
    assert int(black) == round(OWN_SHARE * 10)
    assert {"pixel", "crisp", "colour"} <= set(terms)
    EnhanceLoss(crops, size=10)(Spy())
    assert int((seen["x"].amax((1, 2, 3)) == 0).sum()) == 0


def test_the_sharpness_term_sees_blur_and_not_light() -> None:
    sharp = picture(1, 128)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    ratio = detail(tensor(blurred)) / detail(tensor(sharp))
    assert float(ratio.mean()) < 0.6
    lighter = tensor(sharp) + 0.2
    assert torch.allclose(detail(lighter), detail(tensor(sharp)), atol=1e-5)


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
