"""Engine options: what does not exist is refused at once, by an error that lists what does."""

from dataclasses import FrozenInstanceError, replace

import pytest

import lipsync_edge as le
from lipsync_edge.errors import UsageError
from lipsync_edge.models.autotune import fastest_for
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import Preset, preset_names

OWN = Preset(name="mine", description="", detect="edge_detect", lips="edge_lips")


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"preset": "light"}, "lite"),
        ({"device": "tpu"}, "openvino:NPU"),
        ({"precision": "int4"}, "int8"),
        ({"threads": 0}, "at least 1"),
    ],
)
def test_what_does_not_exist_is_refused(change: dict[str, object], known: str) -> None:
    with pytest.raises(UsageError, match=known):
        EngineOptions(**change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=known):
        le.load(**change)  # type: ignore[arg-type]


def test_they_do_not_change_and_are_compared_by_value() -> None:
    options = EngineOptions(preset="hq", threads=2)
    assert options == EngineOptions(preset="hq", threads=2)
    with pytest.raises(FrozenInstanceError):
        options.device = "cpu"  # type: ignore[misc]
    with pytest.raises(UsageError):
        replace(options, device="tpu")


def test_a_preset_is_read_by_name_or_is_ones_own() -> None:
    assert [EngineOptions(preset=name).read_preset().name for name in preset_names()] == preset_names()
    assert EngineOptions(preset=OWN).read_preset() is OWN


def test_a_preset_of_ones_own_was_not_measured(autotune_cache: object) -> None:
    assert fastest_for(EngineOptions(preset=OWN)) is None
