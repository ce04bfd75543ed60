"""The talking clips of the corpus with the mouths that mesh v2 sees, in the basis that the renderer obeys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.data.sounds import read_sound
from training.data.voices import Voice, load_voices, voice_path
from training.lips.clips import SHORTEST, Clip, level_speakers
from training.lips.coefficients import ShapeModel
from training.voice.mouth_codes import mesh_codes
from training.voice.natural import frame_times

Array = npt.NDArray[Any]

SEEN = 0.5  # least score of a mesh


def labelled_paths(corpus: Path, mesh: Path) -> list[str]:
    """Return the training clips (below the corpus) that have a mesh."""
    clips = sorted((corpus / "train").glob("*/*.mkv"))
    names = [str(path.relative_to(corpus)) for path in clips]
    return [name for name in names if (mesh / name).with_suffix(".npz").is_file()]


def talking_clips(
    corpus: Path, mesh: Path, voices: Path | None, model: ShapeModel
) -> tuple[list[Clip], Array]:
    """Read clips, their coefficients and voices.

    Args:
        corpus: holds `train/`.
        mesh: what `training.teachers.label_mesh` wrote; clips without a file are left out.
        voices: other voices of the clips (`training.data.voices`), or None.
        model: the basis.

    Returns:
        The clips, and what one unit of each coefficient is, float (8,), in the model's own.
    """
    paths = labelled_paths(corpus, mesh)
    parts = [_frames(corpus / path, (mesh / path).with_suffix(".npz")) for path in paths]
    clip = np.repeat(np.arange(len(paths)), [len(times) for _, times in parts])
    speaker = np.array([path.split("/")[1] for path in paths])
    of_frame = speaker[clip]
    _, inverse, count = np.unique(of_frame, return_inverse=True, return_counts=True)
    points = np.concatenate([points for points, _ in parts])
    coefficients, units = mesh_codes(points, clip, 1 / np.sqrt(count[inverse]), model)
    coefficients = level_speakers(coefficients, of_frame)
    clips = []
    for i, path in enumerate(paths):
        rows, times = np.flatnonzero(clip == i), parts[i][1]
        if len(rows) >= SHORTEST:
            heard = [Voice(mel_spectrogram(read_sound(corpus / path)))]
            heard += load_voices(voice_path(voices, path)) if voices else []
            clips.append(Clip(str(speaker[i]), path, heard, coefficients[rows], times))
    return clips, units


def _frames(clip: Path, mesh: Path) -> tuple[Array, Array]:
    """Return the meshes (n, 478, 3) and times (n,) of the frames in which a face was seen."""
    times = frame_times(clip)
    with np.load(mesh) as data:
        points, score = data["points"], data["score"]
    if len(points) != len(times):
        raise ValueError(f"{clip.name}: {len(points)} meshes of {len(times)} frames; label it again")
    good = score > SEEN
    return points[good], times[good]
