"""How many pictures of a size wait between threads, and how late plans of own mouths come for it."""

import pytest

from lipsync_edge.pipeline.offline import lag_of
from lipsync_edge.pipeline.threads import waiting_frames
from lipsync_edge.render.exemplars.planner import LAG


@pytest.mark.parametrize(
    ("size", "waiting", "lag"),
    [((640, 360), 8, LAG), ((1280, 720), 6, LAG), ((1920, 1080), 2, 2), ((3840, 2160), 1, 2)],
)
def test_large_pictures_wait_in_smaller_numbers(size: tuple[int, int], waiting: int, lag: int) -> None:
    assert waiting_frames(*size) == waiting
    assert lag_of(waiting_frames(*size)) == lag  # what is chosen does not depend on the memory that is left
