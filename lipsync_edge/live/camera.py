"""A virtual camera (extra `virtualcam`): other programs of this machine see the avatar as a webcam."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.live.slot import Slot

HINTS = "Linux: modprobe v4l2loopback (package v4l2loopback-dkms); Windows, macOS: start OBS's virtual camera once"


class CameraSink:
    """Virtual camera sink: pictures without sound; one that is not new is shown again.

    Args:
        size: width and height.
        fps: pictures a second.

    Raises:
        UsageError: pyvirtualcam is not installed.
        OutputError: there is no device.
    """

    def __init__(self, size: tuple[int, int], fps: Fraction) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise UsageError(
                expected="the packages of the extra `virtualcam` for --out virtualcam",
                got=str(error),
                fix="pip install lipsync-edge[virtualcam]",
            ) from error
        width, height = size
        try:
            self._camera: Any = pyvirtualcam.Camera(
                width=width, height=height, fps=float(fps), fmt=pyvirtualcam.PixelFormat.BGR
            )
        except (RuntimeError, OSError) as error:
            said = " ".join(str(error).split())
            raise OutputError(expected="a virtual camera on this machine", got=said, fix=HINTS) from error

    def write(self, slot: Slot) -> None:
        """Show a picture."""
        if slot.picture is None:
            return
        try:
            self._camera.send(np.ascontiguousarray(slot.picture.image_bgr))
        except (RuntimeError, OSError) as error:
            raise OutputError(expected="the virtual camera to take a picture", got=str(error)) from error

    def interrupt(self) -> None:
        """Hold nothing back: pictures go out as they come."""

    def close(self) -> None:
        """Give the device back."""
        self._camera.close()
