"""Who says what: the parts of a run, each a person of the film and the sound, or the turns of one, that drives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lipsync_edge.audio.diarisation import read_turns
from lipsync_edge.audio.mix import Sound
from lipsync_edge.audio.reader import probe_sound
from lipsync_edge.audio.turns import Turn
from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.face.identity import parse_choice
from lipsync_edge.video.probe import VideoInfo

ALL = "all"  # everybody who has no part of their own
NOBODY = "none"  # of a speaker who is not in the picture


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part.

    Attributes:
        who: "largest", "left", "right", an index from the left, the path of a picture of them, or "all".
        sound: what drives them.
        turns: when it does; None: always.
        speakers: what a diarisation calls them.
    """

    who: str
    sound: Sound
    turns: tuple[Turn, ...] | None = None
    speakers: tuple[str, ...] = ()


def is_picture(who: str) -> bool:
    """Whether somebody is named by a picture of them."""
    return bool(Path(who).suffix)


def check_who(who: str) -> None:
    """Refuse what names nobody; pictures are read later.

    Raises:
        UsageError: see `lipsync_edge.face.identity.parse_choice`.
    """
    if who == ALL or is_picture(who):
        return
    try:
        parse_choice(who)
    except UsageError as error:
        raise UsageError(expected=f"all, {error.expected}", got=error.got) from error


def sound_of(file: Path, face: Path, video: VideoInfo, track: int | None = None) -> Sound:
    """Look at a sound; that of the face's own file is taken from its first picture on, so that both stay together."""
    info = probe_sound(file, track=track)
    return Sound(file, info, video.begins if file.samefile(face) else Fraction(0))


def parts_of_voices(voices: Mapping[str, Path], face: Path, video: VideoInfo) -> tuple[Part, ...]:
    """Return the parts of a run in which everybody has a sound of their own."""
    return tuple(Part(who, sound_of(file, face, video)) for who, file in voices.items())


def parts_of_speakers(sound: Sound, speakers: Path, names: Mapping[str, str]) -> tuple[Part, ...]:
    """Return the parts of a run in which everybody has turns of one sound.

    Args:
        sound: it.
        speakers: file of the turns.
        names: speaker → who they are in the picture, or "none".

    Raises:
        InputError: the file cannot be used; UsageError: its speakers and those that were named are not the same.
    """
    turns = read_turns(speakers, sound.file.stem)
    known = sorted({turn.speaker for turn in turns})
    for name in names:
        if name not in known:
            raise UsageError(
                expected=f"a speaker of {speakers.name} to map: {', '.join(known)}", got=repr(name)
            )
    missing = [name for name in known if name not in names]
    if missing:
        raise UsageError(
            expected=f"every speaker of {speakers.name} mapped to somebody in the picture",
            got=f"nobody for {', '.join(missing)}",
            fix=f"--map {missing[0]}=left, or --map {missing[0]}={NOBODY} for who is not seen",
        )
    parts = []
    for who in dict.fromkeys(who for who in names.values() if who != NOBODY):
        theirs = tuple(name for name in known if names[name] == who)
        late = float(sound.begins)
        mine = tuple(
            Turn(turn.speaker, turn.start - late, turn.end - late) for turn in turns if turn.speaker in theirs
        )
        parts.append(Part(who, sound, mine, theirs))
    _check_heard(parts, sound, speakers)
    return tuple(parts)


def _check_heard(parts: Sequence[Part], sound: Sound, speakers: Path) -> None:
    if not parts:
        raise UsageError(
            expected="a speaker who is somebody in the picture", got=f"only {NOBODY}", fix="--map NAME=left"
        )
    length = sound.duration
    first = min(turn.start for part in parts for turn in part.turns or ())
    if length is not None and first >= float(length):
        raise InputError(
            expected=f"turns within the {float(length):.1f} s of {sound.file.name}",
            got=f"the first at {first:.1f} s",
            fix=f"check that {speakers.name} belongs to it",
        )
