"""What is told of each stage between a voice and the picture: r, the film that shows through, slopes and time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("av")

from training.voice.chain_figures import STAGES, chain, late_ms, moved, partial, r_of, slopes

Array = npt.NDArray[Any]


@pytest.fixture
def curves() -> tuple[Array, Array]:
    """Return two smooth curves that know nothing of each other, (200, 3): what is asked, and a film."""
    rng = np.random.default_rng(3)
    raw = rng.normal(size=(2, 208, 3))
    kernel = np.hanning(9) / np.hanning(9).sum()
    smooth = np.apply_along_axis(lambda x: np.convolve(x, kernel, "valid"), 1, raw)
    return smooth[0], smooth[1]


def test_slopes_tell_what_is_asked_from_the_film(curves: tuple[Array, Array]) -> None:
    asked, film = curves
    found = np.array(slopes(0.7 * asked + 0.3 * film + 5.0, asked, film))
    np.testing.assert_allclose(found, [[0.7, 0.3]] * 3, atol=1e-9)


def test_frames_without_a_face_do_not_count(curves: tuple[Array, Array]) -> None:
    asked, film = curves
    made = 0.5 * asked + 0.2 * film
    made[10:20] = np.nan
    np.testing.assert_allclose(slopes(made, asked, film), [[0.5, 0.2]] * 3, atol=1e-9)
    assert np.isfinite(r_of(made, asked)).all()


@pytest.mark.parametrize("late", [-40.0, 0.0, 20.0, 40.0])
def test_a_late_picture_is_found_to_be_late(curves: tuple[Array, Array], late: float) -> None:
    asked, _ = curves
    np.testing.assert_allclose(late_ms(moved(asked, late / 1000), asked), late, atol=7.0)


def test_the_film_shows_through_only_where_it_does(curves: tuple[Array, Array]) -> None:
    asked, film = curves
    noise = np.random.default_rng(4).normal(size=asked.shape) * 0.05
    assert np.all(np.array(partial(asked + noise, film, asked)) < 0.2)
    assert np.all(np.array(partial(asked + film + noise, film, asked)) > 0.8)


def test_a_chain_of_dubs_has_a_row_for_each_stage_and_controls_near_zero() -> None:
    rng = np.random.default_rng(5)
    names = sorted(["address_woman_a", "address_woman_b", "address_woman_c", "address_woman_d", "small_a"])
    dubs = {}
    for name in names:
        real, film = rng.normal(size=(2, 400, 3))
        wanted = {against for _, against, _ in STAGES.values()} | {w for _, _, w in STAGES.values() if w}
        dub = {key: real + 0.1 * rng.normal(size=real.shape) for key in {*STAGES, *wanted}}
        dubs["face", name] = dub | {"source_v2": film}
    rows = chain(dubs, dict.fromkeys(names, 0.0))
    assert [row["stage"] for row in rows] == list(STAGES)
    for row in rows:
        assert min(row["all"]["r"]) > 0.9
        assert max(np.abs(row["all"]["control"])) < 0.15
