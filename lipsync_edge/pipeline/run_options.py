"""Options of a run: whom to drive by what, which part to make, how to encode and mark it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lipsync_edge.choices import LISTENINGS, LOOPS, MOUTHS, Label, Listening, Loop, Mouth
from lipsync_edge.errors import UsageError
from lipsync_edge.mark.label import USUAL, check_label
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.pipeline.voices import ALL, check_who
from lipsync_edge.video.alpha import color_of
from lipsync_edge.video.probe import check_range


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` may be told beyond its files.

    Attributes:
        face: who speaks: "largest", "left", "right", an index from the left, the path of a picture of them, or "all".
        voices: who (as in `face`) → the sound that drives them, instead of AUDIO; several people speak, each by their
            own. "all" is everybody who is not named.
        speakers: file of turns (RTTM, or JSON), which say who speaks when in AUDIO.
        speaker_map: speaker of that file → who they are (as in `face`), or "none" for who is not in the picture.
        listen: what a mouth does while its person is silent for longer than a pause: "closed", or "filmed", as it was.
        box_xyxy: fixed face box in frame pixels.
        pads: top, bottom, left, right in pixels, added to the face box; None leaves the preset's.
        detect_every: frames between two detections; None leaves the preset's. With more than 1 a preset that follows
            the published tracking, every frame, takes our own: interpolated and smoothed.
        detect_side: long side in pixels of the small copy the detector sees, 0 for the frame itself; None leaves the
            preset's.
        loop: what follows a video that is shorter than the sound: "pingpong", "repeat", "hold", "cut".
        start: first second of the result that is made.
        end: last second (exclusive), or None.
        play_audio: another sound to hear in the result, e.g. music mixed with the voice.
        audio_track: number of AUDIO's sound track, from 1; None takes the default one.
        video_track: number of FACE's picture track, from 1; None takes the default one, of several the largest.
        codec: "h264", "hevc", "vp9", "av1", or "" for the container's usual one.
        crf: quality of the encode, lower is better; None for a visually lossless default.
        mouth: "auto": the person's own mouth, taken from other frames of the film, where the film shows them
            talking; "own": the same, and an error where it cannot be; "painted": as the networks make it.
        strength: how far an own mouth moves: 1 is the person's own range, 0 is shut, at most 1.5.
        mark: how the result is marked as made with AI.
        background: what transparent parts are laid on: a name of `lipsync_edge.video.alpha.NAMED`, or "#RRGGBB".
        label: corner of a small visible "AI": "top-left", "top-right", "bottom-left", "bottom-right", or "none".
        label_size: its height in percent of the picture's shorter side, 3 to 30.
    """

    face: str = "largest"
    voices: Mapping[str, Path] = field(default_factory=dict)
    speakers: Path | None = None
    speaker_map: Mapping[str, str] = field(default_factory=dict)
    listen: Listening = "closed"
    box_xyxy: tuple[float, float, float, float] | None = None
    pads: tuple[int, int, int, int] | None = None
    detect_every: int | None = None
    detect_side: int | None = None
    loop: Loop = "pingpong"
    start: float = 0.0
    end: float | None = None
    play_audio: Path | None = None
    audio_track: int | None = None
    video_track: int | None = None
    codec: str = ""
    crf: int | None = None
    mouth: Mouth = "auto"
    strength: float = 1.0
    mark: MarkOptions = field(default_factory=MarkOptions)
    background: str = "white"
    label: Label = "none"
    label_size: float = USUAL

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.mouth not in MOUTHS:
            raise UsageError(expected=f"a mouth out of {', '.join(MOUTHS)}", got=repr(self.mouth))
        if not 0 <= self.strength <= 1.5:
            raise UsageError(expected="a strength from 0 to 1.5", got=str(self.strength))
        if self.loop not in LOOPS:
            raise UsageError(expected=f"a loop out of {', '.join(LOOPS)}", got=repr(self.loop))
        if self.listen not in LISTENINGS:
            raise UsageError(expected=f"listening out of {', '.join(LISTENINGS)}", got=repr(self.listen))
        self._check_people()
        check_range(self.start, self.end)
        check_label(self.label, self.label_size)
        color_of(self.background)
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise UsageError(expected="a CRF from 0 to 63", got=str(self.crf))

    def _check_people(self) -> None:
        """Refuse what cannot be said of several people at once."""
        several = bool(self.voices) or self.speakers is not None or self.face == ALL
        if self.voices and self.speakers is not None:
            raise UsageError(expected="either --voice or --speakers", got="both")
        if several and self.box_xyxy is not None:
            raise UsageError(expected="one face for --box", got="several people", fix="leave --box out")
        if (self.voices or self.speakers is not None) and self.face != "largest":
            raise UsageError(
                expected="people named by --voice or --map alone", got=f"--face {self.face} as well"
            )
        if self.speaker_map and self.speakers is None:
            raise UsageError(expected="--speakers FILE with --map", got="none")
        if several:
            for who in (
                *self.voices,
                *(who for who in self.speaker_map.values() if who != "none"),
                self.face,
            ):
                check_who(who)

    def scaled(self, scale: float) -> RunOptions:
        """Return the options for pictures that are read smaller than they were stored."""
        if scale == 1.0:
            return self
        box, pads = self.box_xyxy, self.pads
        return replace(
            self,
            box_xyxy=None
            if box is None
            else (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale),
            pads=None if pads is None else tuple(round(pad * scale) for pad in pads),  # type: ignore[arg-type]
        )
