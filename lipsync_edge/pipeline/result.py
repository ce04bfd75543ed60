"""What a run gives: the file, its figures, and who was driven by what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lipsync_edge.mark.apply import MarkReport


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonResult:
    """What became of one person.

    Attributes:
        who: as they were named; of "all", each has a number: "all 0".
        sound: file that drove them.
        speakers: what the file of turns calls them.
        frames: in which they were seen.
        driven: how many of these they spoke in.
        spoke: first and last second of each stretch in which they did, pauses up to half a second included.
    """

    who: str
    sound: Path
    speakers: tuple[str, ...]
    frames: int
    driven: int
    spoke: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What came out of a run.

    Attributes:
        output: the file.
        frames: how many were written.
        frames_without_face: how many of them passed through untouched.
        width: of the result, in pixels.
        height: of the result, in pixels.
        fps: nominal frames a second.
        duration_s: length of the result.
        elapsed_s: how long it took, decoding and encoding included.
        stage_s: seconds spent in each stage. Decoding, making and encoding overlap, so they add up to more than
            `elapsed_s`; "track" holds "detect", "render" holds the networks and "blend"; "wait_room", "wait_decoder"
            and "wait_encoder" are the time that decoding waits for room, and making for the other two.
        devices: stage → device that really ran it.
        precisions: stage → "fp32", "fp16" or "int8".
        preset: its name.
        chosen: why these devices and precisions, for people.
        notes: what was chosen or changed of the files, for people.
        own_mouth: part, 0…1, of the spoken frames whose mouth is mostly the person's own.
        own_strength: mean strength, 0…1, of the own mouth on the spoken frames.
        exemplars: frames of the film that own mouths were taken from.
        mark: how the file was marked as made with AI.
        people: who was driven by what and when.
    """

    output: Path
    frames: int
    frames_without_face: int
    width: int
    height: int
    fps: float
    duration_s: float
    elapsed_s: float
    stage_s: dict[str, float]
    devices: dict[str, str]
    precisions: dict[str, str]
    preset: str
    chosen: str = ""
    notes: tuple[str, ...] = ()
    own_mouth: float = 0.0
    own_strength: float = 0.0
    exemplars: int = 0
    mark: MarkReport = field(default_factory=MarkReport)
    people: tuple[PersonResult, ...] = ()
