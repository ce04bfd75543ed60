"""The table of devices; and devices are tried, not only named."""

import numpy as np
import pytest

from lipsync_edge.errors import UsageError
from lipsync_edge.models import device_probe
from lipsync_edge.models.devices import DEVICE_NAMES, DEVICES, auto_devices, find_device, precision_order


def test_names_are_unique_and_auto_is_none_of_them() -> None:
    assert len(set(DEVICE_NAMES)) == len(DEVICES) + 1
    assert DEVICE_NAMES[0] == "auto"
    with pytest.raises(UsageError, match="openvino:GPU"):
        find_device("auto")


def test_auto_tries_cuda_then_the_cpu_then_openvino() -> None:
    assert [device.name for device in auto_devices()] == ["cuda", "cpu", "openvino"]


def test_every_device_knows_its_precisions_package_and_target() -> None:
    for device in DEVICES:
        assert sorted(precision_order(device.name)) == ["fp16", "fp32", "int8"]
        assert device.providers
        assert f"[{device.extra}]" in device.install
    assert [find_device(f"openvino:{target}").target for target in ("CPU", "GPU", "NPU")] == [
        "CPU",
        "GPU",
        "NPU",
    ]
    assert find_device("openvino").target == "CPU"


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
