import numpy as np
import pytest

from lipsync_edge.eval.metrics import fid, seam, syncnet, temporal
from lipsync_edge.eval.metrics.opening import follows
from lipsync_edge.eval.metrics.pixels import psnr, ssim


def picture(seed: int, height: int = 40, width: int = 53) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(11, 11), (12, 31), (64, 47)])
def test_psnr_and_ssim_are_those_of_scikit_image(height, width):
    metrics = pytest.importorskip("skimage.metrics")
    one = picture(1, height, width)
    other = np.clip(one.astype(int) + np.random.default_rng(2).integers(-40, 41, one.shape), 0, 255).astype(
        np.uint8
    )
    assert psnr(one, other) == pytest.approx(
        metrics.peak_signal_noise_ratio(one, other, data_range=255), abs=1e-9
    )
    theirs = metrics.structural_similarity(
        one,
        other,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(one, other) == pytest.approx(theirs, abs=1e-7)


def test_equal_pictures_and_unequal_sizes():
    one = picture(3)
    assert psnr(one, one) == float("inf")
    assert ssim(one, one) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="one size"):
        psnr(one, one[1:])
    with pytest.raises(ValueError, match="sides from 11"):
        ssim(one[:10], one[:10])


def embeddings(frames: int = 60) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(frames, 32)).astype(np.float32)


@pytest.mark.parametrize("shift", [-7, -1, 0, 3, 15])
def test_a_sound_moved_by_k_frames_is_found_as_offset_k(shift):
    codes = embeddings(120)
    later = np.roll(codes, -shift, axis=0)  # the sound that fits picture i lies `shift` frames before it
    found = syncnet.score_of(codes[20:90], later[20:90])
    assert found.offset == shift
    assert found.lse_c > 0


def test_shuffled_sound_scores_worse_on_every_sync_figure():
    codes = embeddings()
    right = syncnet.score_of(codes, codes)
    wrong = syncnet.score_of(codes, codes[np.random.default_rng(5).permutation(len(codes))])
    assert right.offset == 0
    assert right.lse_d < wrong.lse_d
    assert right.lse_c > wrong.lse_c


def test_windows_of_sound_and_picture_belong_together():
    """Branches that read a number out of their window: frame index from the picture, column from the MFCC."""
    faces = [np.full((224, 224, 3), i, np.uint8) for i in range(30)]
    seen: dict[str, list[float]] = {"audio": [], "lip": []}
    rate = np.random.default_rng(1).normal(size=16_000 * 2).astype(np.float32) * 0.1

    def audio(windows):
        assert windows.shape[1:] == (1, 13, 20)
        seen["audio"] += [w[0, 0, 0] for w in windows]
        return windows.reshape(len(windows), -1)

    def lip(windows):
        assert windows.shape[1:] == (3, 5, 224, 224)
        seen["lip"] += [w[0, 0, 0, 0] for w in windows]
        return np.zeros((len(windows), 260), np.float32)

    syncnet.sync_score(faces, rate, audio, lip)
    assert seen["lip"] == list(range(25))
    assert seen["audio"] == pytest.approx(syncnet.mfcc(rate)[0, 0 : 4 * 25 : 4].tolist())


def test_too_short_a_clip_has_no_score():
    none = syncnet.sync_score([], np.zeros(100, np.float32), lambda x: x, lambda x: x)
    assert none is None


def test_sync_crop_puts_the_box_where_the_published_one_does():
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[100:200, 100:200] = 255
    crop = syncnet.syncnet_crop(frame, np.array([100, 100, 200, 200], np.float32))
    rows, columns = np.where(crop[:, :, 0] > 128)
    side = 224 / 140 * 100
    assert rows.max() - rows.min() + 1 == pytest.approx(side, abs=2)
    assert columns.mean() == pytest.approx(111.5, abs=1.5)
    assert rows.min() == pytest.approx(0, abs=1)


def test_follows_finds_lag_amplitude_and_closures():
    t = np.arange(200)
    speaker = np.clip(np.sin(t / 5) + 0.3 * np.sin(t / 2.3), 0, None)
    same = follows(speaker, speaker)
    assert same.correlation == pytest.approx(1.0)
    assert same.closures_kept == 1.0
    assert same.amplitude == pytest.approx(1.0)
    late = follows(np.roll(speaker, 4) * 0.5, speaker)
    assert late.best_lag == 4
    assert late.amplitude == pytest.approx(0.5, rel=0.05)
    assert follows(np.ones(200), speaker).correlation is None
    open_mouth = follows(np.where(speaker < 0.05, 1.0, speaker), speaker)
    assert open_mouth.closures_kept < 0.1


def test_frames_without_a_face_do_not_count():
    speaker = np.sin(np.arange(50) / 3)
    holes = speaker.copy()
    holes[10:20] = np.nan
    assert follows(holes, speaker).correlation == pytest.approx(1.0)
    assert follows(np.full(50, np.nan), speaker).correlation is None
    assert follows([], []).correlation is None


def test_temporal_figures():
    still = [picture(1)] * 4
    noise = [picture(i) for i in range(4)]
    ramp = [np.full((20, 20, 3), 10 * i, np.uint8) for i in range(5)]
    assert temporal.tss(still) == pytest.approx(1.0)
    assert temporal.tss(noise) < 0.5
    assert temporal.flicker(still) == 0
    assert temporal.flicker(ramp) == 0
    assert temporal.flicker(noise) > 20
    assert temporal.tss(still[:1]) is None
    assert temporal.flicker(still[:2]) is None


def test_a_hard_patch_is_a_seam_and_nothing_is_none():
    y, x = np.mgrid[:120, :120]
    source = np.repeat((100 + 20 * np.sin(x / 9) + 10 * np.cos(y / 7))[..., None], 3, 2).astype(np.uint8)
    assert seam.seam(source, source) is None
    patch = source.copy()
    patch[40:80, 40:80] += 60
    soft = source.astype(np.float32)
    soft += 60 * np.exp(-((x - 60) ** 2 + (y - 60) ** 2) / (2 * 20**2))[..., None]
    hard_value, soft_value = seam.seam(patch, source), seam.seam(soft.astype(np.uint8), source)
    assert hard_value > 2 * soft_value


def test_frechet_distance_of_known_distributions():
    draws = np.random.default_rng(0)
    one = draws.normal(size=(4000, 3))
    assert fid.frechet(one, one) == pytest.approx(0, abs=1e-6)
    assert fid.frechet(one, one + np.array([3.0, 0, 0])) == pytest.approx(9, rel=1e-6)
    assert fid.frechet(one, 2 * one) == pytest.approx(3, rel=0.1)  # (2-1)² each of three
    with pytest.raises(ValueError, match="two pictures"):
        fid.frechet(one[:1], one)
