"""The sync expert: losses fall, windows begin where they should, and known delays are found as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from training.data.noise import FLOOR  # noqa: E402
from training.data.voices import Voice  # noqa: E402
from training.evaluate.sync_expert import (  # noqa: E402
    REACH,
    OffsetEstimator,
    best_offset,
    every_25th,
    moved,
    real_rows,
    summary,
)
from training.fit import Plan, fit  # noqa: E402
from training.sync_expert.clips import KEPT, RUN, Talk, Talks, corner, first_columns, seen  # noqa: E402
from training.sync_expert.networks import COLUMNS, EMBEDDING, SIDE, Expert, MelEncoder, MouthEncoder  # noqa: E402
from training.sync_expert.train import likeness_losses  # noqa: E402


def talk(seed: int, frames: int = 75) -> Talk:
    """A drawn mouth that opens as far as its voice is loud, at random times."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0, 1, frames // 5 + 2), 5)
    fine = np.interp(np.arange(frames * 16) / 16, np.arange(len(loud)), loud)
    mouths = np.full((frames, KEPT, KEPT), 150, np.uint8)
    for i, mouth in enumerate(mouths):
        cv2.ellipse(mouth, (40, 40), (18, 2 + int(16 * fine[i * 16])), 0, 0, 360, 20, -1)
    columns = int(frames * 3.2)
    level = np.interp(np.arange(columns) / 3.2, np.arange(frames * 16) / 16, fine)
    mel = (np.linspace(-3, -1, 80)[:, None] + 4 * level).clip(-4, 4).astype(np.float32)
    return Talk(str(seed), mouths, np.arange(frames) / 25, [Voice(mel)])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def test_a_window_of_frames_and_one_of_columns_cover_the_same_time() -> None:
    assert list(first_columns(np.array([0.0, 0.04, 1.0]))) == [0, 3, 80]
    # spoken faster, heard sooner
    assert first_columns(np.array([1.0]), 1.25)[0] == int((80 * 1.1) / 1.25 - 8)


def test_what_is_kept_of_a_crop_lies_round_the_mouth() -> None:
    x, y = corner()
    middle = np.array([x, y]) + KEPT / 2
    assert np.allclose((middle - 16) / 128, [0.5, 0.6875])


def test_the_view_without_a_camera_is_the_middle_and_with_one_stays_in_range() -> None:
    mouths = talk(0, 6).mouths
    plain = seen(mouths)
    assert plain.shape == (6, SIDE, SIDE)
    expected = cv2.resize(mouths[0][8:72, 8:72], (SIDE, SIDE)) / 255
    assert np.abs(plain[0] - expected).mean() < 0.01
    rng = np.random.default_rng(0)
    for _ in range(8):
        made = seen(mouths, rng)
        assert made.dtype == np.float32
        assert made.min() >= 0
        assert made.max() <= 1


def test_both_halves_give_one_embedding_a_window() -> None:
    mouths, mels = MouthEncoder().eval(), MelEncoder().eval()
    with torch.no_grad():
        of_frames = mouths(torch.rand(2, 9, SIDE, SIDE))
        of_columns = mels(torch.rand(2, 80, 40))
    assert of_frames.shape == (2, 5, EMBEDDING)
    assert of_columns.shape == (2, 40 - COLUMNS + 1, EMBEDDING)
    assert torch.allclose(of_frames.norm(dim=2), torch.ones(2, 5), atol=1e-5)


def test_the_loss_is_least_where_everything_finds_its_own() -> None:
    own = torch.nn.functional.normalize(torch.randn(3, 20, EMBEDDING), dim=2)
    sharp = torch.tensor(2.3)
    right = sum(likeness_losses(own, own, sharp).values())
    late = sum(likeness_losses(own, own.roll(4, 1), sharp).values())
    others = sum(likeness_losses(own, own.roll(1, 0), sharp).values())
    assert right < 0.5 * late
    assert right < 0.5 * others


def test_a_diagonal_is_found_where_it_was_put() -> None:
    rng = np.random.default_rng(0)
    for delay in (-8, 0, 5):
        cosines = rng.normal(0, 0.05, (40, 40 + 2 * REACH))
        cosines[:, REACH + 3] += 0.9  # one sound that is like everything
        cosines[np.arange(40), np.arange(40) + REACH + delay] += 0.5
        found = best_offset(cosines)
        assert found.frames == delay
        assert found.confidence > 0.3


def test_moving_a_sound_keeps_its_columns() -> None:
    mel = np.arange(80 * 100, dtype=np.float32).reshape(80, 100)
    assert np.array_equal(moved(mel, 5)[:, 16:], mel)
    assert (moved(mel, 5)[:, :16] == FLOOR).all()
    assert np.array_equal(moved(mel, -5)[:, :84], mel[:, 16:])
    assert moved(mel, -5).shape == mel.shape


def test_frames_of_another_rate_are_taken_by_time() -> None:
    assert list(every_25th(np.arange(60) / 30, 0.2)) == [0, 1, 2, 3, 4]
    assert list(every_25th(np.arange(100) / 50, 0.2)) == [0, 2, 4, 6, 8]


def test_the_expert_learns_resumes_and_finds_known_delays(tmp_path: Path) -> None:
    batches = Talks([talk(seed) for seed in range(6)], 0)
    totals: list[float] = []

    def losses(net: torch.nn.Module) -> dict[str, torch.Tensor]:
        mouths, mels, columns = batches.batch()
        seen_by_eye, heard = net(mouths, mels, columns)
        terms = likeness_losses(seen_by_eye, heard, net.sharpness)  # type: ignore[arg-type]
        totals.append(sum(float(t.detach()) for t in terms.values()))
        return terms

    plan = Plan(minutes=10, rate=1e-3, steps=45, warmup=5, average=0.9)
    fit(Expert(), losses, plan, tmp_path)
    assert np.mean(totals[-5:]) < 0.93 * np.mean(totals[:5])
    fit(Expert(), losses, Plan(minutes=10, rate=1e-3, steps=47), tmp_path)
    assert len(totals) == 47  # it went on where it had stopped

    real = {str(seed): (t.mouths, t.voices[0].mel) for seed in (91, 92) for t in [talk(seed, 150)]}
    rows = real_rows(OffsetEstimator(tmp_path), real)
    told = summary(rows)
    assert told["within_one_frame"] == 1
    assert told["moved_found_as_moved"] > 0.9
    assert all(row["confidence"] > row["wrong_sound_confidence"] for row in rows)


def test_a_batch_holds_whole_stretches() -> None:
    mouths, mels, columns = Talks([talk(0), talk(1)], 0).batch()
    assert mouths.shape[1:] == (RUN, SIDE, SIDE)
    assert int(columns.min()) >= 0
    assert int(columns.max()) + COLUMNS <= mels.shape[2]
