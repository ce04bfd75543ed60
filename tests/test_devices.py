"""Devices are tried, not only named."""

import numpy as np
import pytest

from lipsync_edge.models import device_probe
from lipsync_edge.models.devices import DEVICES, find_device


def test_every_device_is_reported_and_what_fails_says_how_to_add_it() -> None:
    found = {one.name: one for one in device_probe.probe_devices()}
    assert set(found) == {device.name for device in DEVICES} - {"openvino"}
    assert any(one.works for one in found.values())
    for one in found.values():
        assert one.detail
        assert bool(one.fix) != one.works


def test_a_device_that_computes_nonsense_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(device_probe, "expected", lambda x: np.full((2, 4, 16, 16), 7.0, np.float32))
    report = device_probe.probe_device(find_device("cpu"))
    assert not report.works
    assert "wrong" in report.detail
