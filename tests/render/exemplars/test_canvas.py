"""What lies over a canvas."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.render.exemplars.canvas import Canvas, plane_of, read_plane


@pytest.mark.parametrize("size", [128, 64])
def test_a_plane_at_a_canvas_is_what_is_read_at_its_places_also_beyond_the_crop(size: int) -> None:
    crop = AlignedCrop(np.array([[0.5, 0.02, -20.0], [-0.02, 0.5, -15.0]]), 128)
    canvas = Canvas(crop, (400, 400, 3), (-3, 60, 120, 150))
    plane = np.random.default_rng(0).random((size, size)).astype(np.float32)
    assert np.array_equal(plane_of(plane, canvas), read_plane(plane, canvas.x, canvas.y, 128))
