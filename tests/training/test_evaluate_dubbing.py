"""The dubbing figures: what moving a curve in time does, and what it does to the control."""

import numpy as np

from training.evaluate.dubbing import CONTROL, Voice, in_time_rows, moved


def test_a_curve_is_moved_later_and_earlier() -> None:
    curve = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(moved(curve, 0), curve)
    np.testing.assert_array_equal(moved(curve, 1), [np.nan, 1, 2, 3])
    np.testing.assert_array_equal(moved(curve, -2), [3, 4, np.nan, np.nan])


def test_a_clip_whose_sound_is_late_is_compared_in_its_own_time() -> None:
    rng = np.random.default_rng(0)
    spoken = [np.convolve(rng.normal(size=120), np.ones(3) / 3, "same") for _ in range(CONTROL + 1)]
    late = [0, 2, -1, 0]
    # the mouth is seen as much earlier as the sound is late
    voices = [Voice(str(k), np.zeros(0), moved(curve, -late[k])) for k, curve in enumerate(spoken)]
    curves = list(enumerate(spoken))
    found = in_time_rows(voices, curves, {str(k): frames for k, frames in enumerate(late)})
    not_moved = in_time_rows(voices, curves, dict.fromkeys("0123", 0))
    assert all(row["r"] > 0.9 for row in found)
    assert [row["sound_late"] for row in found] == late
    assert not_moved[1]["r"] < 0.6
    assert all(abs(row["control_r"]) < 0.4 for row in found)
