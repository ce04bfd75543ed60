"""The face and the speech that ship with the package; `assets/README.md` says where they come from."""

from __future__ import annotations

from pathlib import Path

from lipsync_edge.errors import InputError

ASSETS = Path(__file__).parent / "assets"


def demo_files() -> tuple[Path, Path]:
    """Return the paths of the demo's face (JPEG) and speech (FLAC).

    Raises:
        InputError: the installation is not complete.
    """
    face, speech = ASSETS / "face.jpg", ASSETS / "speech.flac"
    for path in (face, speech):
        if not path.is_file():
            raise InputError(
                expected=f"the demo's {path.name}", got="nothing", fix="install lipsync-edge again"
            )
    return face, speech
