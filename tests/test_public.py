"""The public face of the package: its names, and what importing it costs."""

import subprocess
import sys

import pytest

import lipsync_edge as le
from lipsync_edge import errors

HEAVY = ("torch", "onnx", "onnxruntime", "openvino", "av", "typer", "rich", "cv2", "matplotlib")


def test_every_public_name_is_there_and_no_other() -> None:
    for name in le.__all__:
        assert getattr(le, name) is not None
    assert list(le.__all__) == sorted(le.__all__, key=lambda name: (name[0].islower(), name))
    assert dir(le) == sorted(le.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = le.nothing


def test_every_error_is_public() -> None:
    tree = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.LipsyncError)
    }
    assert tree <= set(le.__all__)


def test_importing_it_loads_nothing_heavy() -> None:
    code = f"import sys, lipsync_edge; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_loading_an_engine_never_imports_torch_or_onnx() -> None:
    code = "import sys, lipsync_edge.engine, lipsync_edge.pipeline.offline\n"
    code += "print([m for m in ('torch', 'onnx') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_load_stays_a_function_after_its_room_was_imported() -> None:
    code = "import lipsync_edge as le, lipsync_edge.engine; assert callable(le.load) and callable(le.load)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.LipsyncError, 1),
        (errors.UsageError, 2),
        (errors.InputError, 3),
        (errors.NoFaceError, 3),
        (errors.NoAudioError, 3),
        (errors.NoVideoError, 3),
        (errors.ModelError, 4),
        (errors.ManifestError, 4),
        (errors.DeviceError, 4),
        (errors.OutputError, 5),
    ],
)
def test_errors_are_one_line_with_their_exit_code_and_survive_pickling(
    kind: type[errors.LipsyncError], code: int
) -> None:
    import pickle

    error = kind(expected="a thing\nof two lines", got="another", fix="do that")
    assert str(error) == "expected a thing of two lines; got another; do that"
    assert kind.exit_code == code
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.fix == "do that"
