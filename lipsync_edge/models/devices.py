"""Table of devices: everything that is known of each before it is tried; another execution provider is a row here."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.errors import UsageError

AUTO = "auto"
_INT8_FIRST = ("int8", "fp32", "fp16")
_FP16_FIRST = ("fp16", "fp32", "int8")
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_OPENVINO = "OpenVINOExecutionProvider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device that networks can run on.

    Attributes:
        name: what `--device` takes.
        runtime: "onnxruntime", or "openvino" (ONNX Runtime's plug-in where OpenVINO itself is not installed).
        providers: execution providers of ONNX Runtime; the first does the work, the others what it cannot.
        package: distribution that brings the runtime.
        extra: of lipsync-edge, that installs the package.
        precisions: in the order in which "auto" takes the files that are there, fastest first.
        fix: one command that adds the device where its package is not enough, or "".
        auto_rank: place among the devices that "auto" tries, from 1; 0: only by name.
        alias: whether it is another name of a device in this table, not to be probed twice.
    """

    name: str
    runtime: str
    providers: tuple[str, ...]
    package: str
    extra: str
    precisions: tuple[str, ...] = _INT8_FIRST
    fix: str = ""
    auto_rank: int = 0
    alias: bool = False

    @property
    def target(self) -> str:
        """OpenVINO's own name of the device: "CPU", "GPU" or "NPU"."""
        return self.name.partition(":")[2] or "CPU"

    @property
    def install(self) -> str:
        """The command that installs the runtime."""
        return f"pip install 'lipsync-edge[{self.extra}]'"


def _openvino(name: str, *, fix: str = "", auto_rank: int = 0, alias: bool = False) -> Device:
    return Device(
        name=name,
        runtime="openvino",
        providers=(_OPENVINO, _CPU),
        package="openvino",
        extra="openvino",
        fix=fix,
        auto_rank=auto_rank,
        alias=alias,
    )


DEVICES = (
    Device(
        name="cpu",
        runtime="onnxruntime",
        providers=(_CPU,),
        package="onnxruntime",
        extra="cpu",
        auto_rank=2,
    ),
    Device(
        name="cuda",
        runtime="onnxruntime",
        providers=(_CUDA, _CPU),
        package="onnxruntime-gpu",
        extra="gpu",
        precisions=_FP16_FIRST,
        fix="pip uninstall -y onnxruntime && pip install 'lipsync-edge[gpu]'",
        auto_rank=1,
    ),
    Device(
        name="tensorrt",
        runtime="onnxruntime",
        providers=("TensorrtExecutionProvider", _CUDA, _CPU),
        package="onnxruntime-gpu",
        extra="gpu",
        precisions=_FP16_FIRST,
        fix="pip install 'lipsync-edge[gpu]' tensorrt",
    ),
    _openvino("openvino", auto_rank=3, alias=True),
    _openvino("openvino:CPU"),
    _openvino("openvino:GPU", fix="apt-get install intel-opencl-icd"),
    _openvino("openvino:NPU", fix="apt-get install intel-driver-compiler-npu intel-level-zero-npu"),
)
DEVICE_NAMES = (AUTO, *(device.name for device in DEVICES))


def find_device(name: str) -> Device:
    """Return a device's row; UsageError lists the known names when there is none."""
    for device in DEVICES:
        if device.name == name:
            return device
    raise UsageError(expected=f"a device out of {', '.join(DEVICE_NAMES)}", got=repr(name))


def auto_devices() -> list[Device]:
    """Return the devices that "auto" tries, first to last."""
    return sorted((device for device in DEVICES if device.auto_rank), key=lambda device: device.auto_rank)


def precision_order(device: str) -> tuple[str, ...]:
    """Return the precisions that `--precision auto` tries on a device, or on "auto" itself, fastest first."""
    return _INT8_FIRST if device == AUTO else find_device(device).precisions
