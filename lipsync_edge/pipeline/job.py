"""What a run is told, what it gives, and the check of every file before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from hashlib import sha256
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from lipsync_edge.audio.reader import SoundInfo, probe_sound
from lipsync_edge.choices import LOOPS, MOUTHS, Label, Loop, Mouth
from lipsync_edge.digests import digest_of
from lipsync_edge.errors import UsageError
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.mark.apply import MarkReport
from lipsync_edge.mark.identity import Identity, identity_of
from lipsync_edge.mark.label import USUAL, check_label
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.mark.sign import check_identity
from lipsync_edge.models.network import Network
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.face_cache import FaceCache
from lipsync_edge.render.renderer import Renderer
from lipsync_edge.video.probe import VideoInfo, check_range, probe
from lipsync_edge.video.reader import read_still
from lipsync_edge.video.writer import check_output


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` may be told beyond its files.

    Attributes:
        face: who speaks: "largest", "left", "right", an index from the left, or the path of a picture of them.
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
        label: corner of a small visible "AI": "top-left", "top-right", "bottom-left", "bottom-right", or "none".
        label_size: its height in percent of the picture's shorter side, 3 to 30.
    """

    face: str = "largest"
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
        check_range(self.start, self.end)
        check_label(self.label, self.label_size)
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise UsageError(expected="a CRF from 0 to 63", got=str(self.crf))

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


@dataclass(frozen=True, slots=True)
class Job:
    """One run, checked and ready to go.

    Where the face's own file speaks or is heard, its sound is taken from its first frame on, so that both stay
    together: `audio_begins` and `soundtrack_begins` are those seconds of the sound files. `cache` holds what was found
    in face files before; None: nothing is kept.
    """

    detector: Detector
    renderer: Renderer
    face: Path
    audio: Path
    out: Path
    options: RunOptions
    video: VideoInfo
    sound: SoundInfo
    soundtrack: Path
    soundtrack_info: SoundInfo
    audio_begins: Fraction
    soundtrack_begins: Fraction
    cache: FaceCache | None = None
    identity: Identity | None = None  # that signs the result; None where no mark is wanted

    @property
    def start(self) -> Fraction:
        """First second that is made."""
        return Fraction(self.options.start).limit_denominator(1_000_000)

    @property
    def end(self) -> Fraction | None:
        """End of what is made."""
        return None if self.options.end is None else Fraction(self.options.end).limit_denominator(1_000_000)

    def after(self, begins: Fraction) -> tuple[Fraction, Fraction | None]:
        """First and last second that the result needs of a sound file whose second `begins` is its own second 0."""
        return self.start + begins, None if self.end is None else self.end + begins

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of how their files were taken."""
        tracks = (("pictures", self.video), ("sound", self.sound))
        notes = [f"{what}: track {info.track} of {info.tracks}" for what, info in tracks if info.tracks > 1]
        if self.video.scaled_from is not None:
            notes.append("the still was {}x{}, larger than what players take".format(*self.video.scaled_from))
        if self.video.interlaced:
            notes.append("interlaced pictures were made progressive")
        if self.video.transparent:
            notes.append("transparent parts are laid on white")
        return tuple(notes)

    @property
    def total(self) -> int | None:
        """How many frames there will be, as far as the files say."""
        length = None if self.sound.duration is None else self.sound.duration - self.audio_begins
        known = [t for t in (length, self.end) if t is not None]
        if self.options.loop == "cut" and self.video.duration is not None:
            known.append(self.video.duration)
        return max(0, ceil((min(known) - self.start) * self.video.fps)) if known else None

    @classmethod
    def check(
        cls,
        detector: Detector,
        renderer: Renderer,
        face: Path,
        audio: Path,
        out: Path,
        options: RunOptions | None = None,
        cache: FaceCache | None = None,
    ) -> Job:
        """Look at every file before anything is computed.

        Raises:
            InputError: a file cannot be used; UsageError, OutputError: the output cannot be what is asked for.
        """
        options = options or RunOptions()
        check_output(out, options.codec)
        soundtrack = options.play_audio or audio
        sound = probe_sound(audio, track=options.audio_track)
        soundtrack_info = sound if soundtrack == audio else probe_sound(soundtrack)
        video = probe(face, options.video_track)
        options = options.scaled(video.scale)
        if out.exists() and any(source.samefile(out) for source in (face, audio, soundtrack)):
            raise UsageError(
                expected="an output that is none of the inputs", got=str(out), fix="choose another name"
            )
        identity = identity_of(options.mark) if options.mark.wanted else None
        if identity is not None and not identity.own:
            check_identity(identity)
        begins = [video.begins if file.samefile(face) else Fraction(0) for file in (audio, soundtrack)]
        return cls(
            detector=detector,
            renderer=renderer,
            face=face,
            audio=audio,
            out=out,
            options=options,
            video=video,
            sound=sound,
            soundtrack=soundtrack,
            soundtrack_info=soundtrack_info,
            audio_begins=begins[0],
            soundtrack_begins=begins[1],
            cache=cache,
            identity=identity,
        )


def track_options(preset: Preset, options: RunOptions) -> TrackOptions:
    """Join the preset's tracking and the user's wishes; a path instead of a rule is read as a picture."""
    every = preset.detect_every if options.detect_every is None else options.detect_every
    reference = Path(options.face) if Path(options.face).suffix else None
    return TrackOptions(
        mode="smooth" if (options.detect_every or 1) > 1 else preset.tracking,
        every=every,
        side=preset.detect_side if options.detect_side is None else options.detect_side,
        pads=preset.pads if options.pads is None else options.pads,
        face="largest" if reference else options.face,
        reference_bgr=None if reference is None else read_still(reference),
        box_xyxy=options.box_xyxy,
    )


def face_key(job: Job, *networks: Network, **more: Any) -> str:
    """Return the digest of what decides what is found in a job's face file.

    Args:
        job: its file, tracker and detector count always.
        *networks: others that take part.
        **more: what else decides, as JSON holds it.
    """
    assert job.cache is not None, "keys are for the cache"
    options = track_options(job.renderer.preset, job.options)
    followed = {field.name: getattr(options, field.name) for field in fields(options)}
    reference = followed.pop("reference_bgr")
    return digest_of(
        {
            "version": version("lipsync-edge"),
            "file": job.cache.digest_file(job.face),
            "picture_track": job.video.track,
            "tracking": followed,
            "reference": None if reference is None else sha256(reference.tobytes()).hexdigest(),
            "networks": [
                (network.sha256 or network.spec.name, network.spec.digest(), network.device)
                for network in (job.detector.network, *networks)
            ],
            **more,
        }
    )
