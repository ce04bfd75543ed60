"""One exception tree; every leaf knows the exit code of the command line.

::

    Exception
    └── LipsyncError              1   anything this package raises on purpose
        ├── UsageError            2   an option that does not exist or contradicts another (also a ValueError)
        ├── InputError            3   the input cannot be used
        │   ├── NoVideoError      3   no decodable picture in the face file
        │   ├── NoAudioError      3   no decodable sound in the audio file
        │   └── NoFaceError       3   not one face in the whole video
        ├── ModelError            4   a network is missing, damaged or not what its card says
        │   ├── ManifestError     4   sha256 or card digest differ from the manifest
        │   └── DeviceError       4   a device that was asked for cannot run here
        └── OutputError           5   the result cannot be written
"""

from __future__ import annotations

import errno
import os
from typing import ClassVar

_SHOWN = 80  # characters of a name in a message


class LipsyncError(Exception):
    """Base of everything raised on purpose: what was expected, what was got, what to do.

    Args:
        expected: what would have been right.
        got: what was found instead.
        fix: what the reader can do about it; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, *, expected: str, got: str, fix: str = "") -> None:
        self.expected = expected
        self.got = got
        self.fix = fix
        parts = [f"expected {expected}", f"got {got}"] + ([fix] if fix else [])
        super().__init__(" ".join("; ".join(parts).split()))

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword-only fields survive pickling between processes."""
        return (_rebuild, (type(self), self.expected, self.got, self.fix))


def told_by_system(error: OSError) -> LipsyncError:
    """Return what the operating system refused as an error of ours: names it cannot take, or files and folders."""
    name = "" if error.filename is None else os.fsdecode(error.filename)
    shown = name if len(name) <= _SHOWN else f"{name[: _SHOWN - 20]}… of {len(os.fsencode(name))} bytes"
    got = (error.strerror or str(error)).lower() + (f": {shown}" if shown else "")
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return InputError(expected="a name that the system takes", got=got, fix="choose a shorter one")
    return OutputError(expected="files and folders that can be used", got=got)


def _rebuild(kind: type[LipsyncError], expected: str, got: str, fix: str) -> LipsyncError:
    return kind(expected=expected, got=got, fix=fix)


class UsageError(LipsyncError, ValueError):
    """An option does not exist, is out of range or contradicts another."""

    exit_code = 2


class InputError(LipsyncError):
    """The face or the audio cannot be used."""

    exit_code = 3


class NoVideoError(InputError):
    """The face file holds no picture that can be decoded."""


class NoAudioError(InputError):
    """The audio file holds no sound that can be decoded."""


class NoFaceError(InputError):
    """Not one frame of the video shows a face."""


class ModelError(LipsyncError):
    """A network is missing, damaged or not what its card says."""

    exit_code = 4


class ManifestError(ModelError):
    """A model file differs from what its manifest recorded."""


class DeviceError(ModelError):
    """A device that was asked for by name cannot run here."""


class OutputError(LipsyncError):
    """The result cannot be written."""

    exit_code = 5
