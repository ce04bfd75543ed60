"""Decoding of stills by OpenCV, without a word of libpng or libjpeg on stderr: what is damaged is told once, by us.

Both print as they like and cannot be told otherwise through OpenCV. What goes to stderr meanwhile is held, their
lines are dropped, and whatever else other threads wrote follows at once.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.types import U8

_STDERR = 2
_TURN = threading.Lock()  # there is one stderr
_THEIRS = re.compile(
    rb"libpng (error|warning): |Corrupt JPEG data: |Premature end of JPEG file|Invalid (SOS|JPEG|component)|"
    rb"Inconsistent progression|Warning: unknown JFIF|Unknown Adobe|Unsupported (marker|JPEG)|TIFF\w*: |\w*: Warning, "
)


def decode_still(encoded: U8, flags: int) -> npt.NDArray[np.generic] | None:
    """Decode a picture.

    Args:
        encoded: the file's bytes, uint8 (n,).
        flags: of OpenCV, e.g. IMREAD_COLOR.

    Returns:
        (H, W) or (H, W, channels), BGR; None for what does not decode.
    """
    with _quiet():
        try:
            decoded = cv2.imdecode(encoded, flags)
        except cv2.error:
            return None
    return None if decoded is None else np.asarray(decoded)


@contextmanager
def _quiet() -> Iterator[None]:
    with _TURN:
        before = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            kept = os.dup(_STDERR)
        except OSError:  # closed: nobody hears a word
            yield
            cv2.utils.logging.setLogLevel(before)
            return
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), _STDERR)
            try:
                yield
            finally:
                os.dup2(kept, _STDERR)
                os.close(kept)
                cv2.utils.logging.setLogLevel(before)
                held.seek(0)
                others = b"".join(line for line in held if not _THEIRS.match(line))
                if others:
                    os.write(_STDERR, others)
