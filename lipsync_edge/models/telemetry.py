"""Imports of the two runtimes with their telemetry switched off: nothing leaves the machine, nothing is left in HOME.

Official builds of both report to their makers unless they are told not to. ONNX Runtime (from 1.29 on, also outside
Windows) makes a device id and an event store in the user's cache and starts an uploader when it is imported; the
environment variable, read once at that moment, is its full opt-out. OpenVINO's Python package sends an event and keeps
a client id when it is imported together with the package `openvino-telemetry`, which its wheel requires; without that
package it takes a stand-in that does nothing.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

ONNX_RUNTIME_OPT_OUT = "ORT_DISABLE_TELEMETRY"
OPENVINO_REPORTER = "openvino_telemetry"
_TURN = threading.Lock()


def opt_out() -> None:
    """Switch ONNX Runtime's telemetry off, whoever imports it next, in this process and its children."""
    os.environ[ONNX_RUNTIME_OPT_OUT] = "1"


def import_onnxruntime() -> Any:
    """Import ONNX Runtime; ImportError when it is not installed.

    A host that imported it before us has made its own choice; events that can still be muted are.
    """
    opt_out()
    module = import_module("onnxruntime")
    module.disable_telemetry_events()  # of Windows' event log, which the variable does not switch off
    return module


def import_openvino() -> Any:
    """Import OpenVINO; ImportError when it is not installed."""
    with _TURN:
        if "openvino" in sys.modules:
            return sys.modules["openvino"]
        with _hidden(OPENVINO_REPORTER):
            return import_module("openvino")


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Make a package look as if it were not installed, unless it was imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python's own mark: an import of it raises ImportError
    try:
        yield
    finally:
        del sys.modules[name]
