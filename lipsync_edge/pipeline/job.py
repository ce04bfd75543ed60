"""A run, checked: every file is looked at before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from hashlib import sha256
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from lipsync_edge.atomic_write import check_spares
from lipsync_edge.audio.mix import Sound
from lipsync_edge.digests import digest_of
from lipsync_edge.errors import UsageError
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.mark.identity import Identity, identity_of
from lipsync_edge.mark.sign import check_identity
from lipsync_edge.models.network import Network
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.face_cache import FaceCache
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.pipeline.voices import (
    ALL,
    Part,
    is_picture,
    parts_of_speakers,
    parts_of_voices,
    sound_of,
)
from lipsync_edge.render.renderer import Renderer
from lipsync_edge.video.alpha import Color, color_of
from lipsync_edge.video.probe import VideoInfo, probe
from lipsync_edge.video.reader import read_still
from lipsync_edge.video.writer import check_output


@dataclass(frozen=True, slots=True)
class Job:
    """One run, checked and ready to go.

    Attributes:
        detector: finds faces.
        renderer: makes finished pictures.
        face: the film or still.
        out: what is written.
        options: as they were given, in the pixels of the pictures as they are read.
        video: what is known of the film.
        parts: who says what; one, unless several people speak.
        heard: the sounds whose sum the result carries.
        cache: what was found in face files before; None: nothing is kept.
        signer: who signs the result, where the user names somebody; None: this machine's own identity, read only when
            there is something to sign.
    """

    detector: Detector
    renderer: Renderer
    face: Path
    out: Path
    options: RunOptions
    video: VideoInfo
    parts: tuple[Part, ...]
    heard: tuple[Sound, ...]
    cache: FaceCache | None = None
    signer: Identity | None = None

    @property
    def background(self) -> Color:
        """What transparent parts of the pictures are laid on."""
        return color_of(self.options.background)

    @property
    def start(self) -> Fraction:
        """First second that is made."""
        return Fraction(self.options.start).limit_denominator(1_000_000)

    @property
    def end(self) -> Fraction | None:
        """End of what is made."""
        return None if self.options.end is None else Fraction(self.options.end).limit_denominator(1_000_000)

    @property
    def is_for_several(self) -> bool:
        """Whether people are told apart: several, or everybody there is."""
        return len(self.parts) > 1 or self.parts[0].who == ALL

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of how their files were taken."""
        tracks = (("pictures", self.video), ("sound", self.parts[0].sound.info))
        notes = [f"{what}: track {info.track} of {info.tracks}" for what, info in tracks if info.tracks > 1]
        if self.video.scaled_from is not None:
            notes.append("the still was {}x{}, larger than what players take".format(*self.video.scaled_from))
        if self.video.interlaced:
            notes.append("interlaced pictures were made progressive")
        if self.video.transparent:
            notes.append(f"transparent parts are laid on {self.options.background}")
        return tuple(notes)

    @property
    def total(self) -> int | None:
        """How many frames there will be, as far as the files say."""
        lengths = [part.sound.duration for part in self.parts]
        length = None if None in lengths else max(one for one in lengths if one is not None)
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
        audio: Path | None,
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
        video = probe(face, options.video_track)
        parts = _parts(face, audio, video, options)
        sounds = tuple(dict.fromkeys(part.sound for part in parts))
        heard = sounds
        if options.play_audio is not None:
            track = options.audio_track if options.play_audio == audio else None
            heard = (sound_of(options.play_audio, face, video, track),)
        options = options.scaled(video.scale)
        given = (face, options.speakers, *(sound.file for sound in (*sounds, *heard)))
        check_spares(out, given)
        signer = None
        if options.mark.sign_cert is not None:
            signer = identity_of(options.mark)
            check_identity(signer)
        return cls(
            detector=detector,
            renderer=renderer,
            face=face,
            out=out,
            options=options,
            video=video,
            parts=parts,
            heard=heard,
            cache=cache,
            signer=signer,
        )


def _parts(face: Path, audio: Path | None, video: VideoInfo, options: RunOptions) -> tuple[Part, ...]:
    """Return who says what."""
    if options.voices:
        if audio is not None:
            raise UsageError(
                expected="either AUDIO or --voice",
                got="both",
                fix="to hear another sound in the result, give it to --play-audio",
            )
        return parts_of_voices(options.voices, face, video)
    if audio is None:
        raise UsageError(expected="AUDIO, or --voice WHO=AUDIO for everybody who speaks", got="neither")
    sound = sound_of(audio, face, video, options.audio_track)
    if options.speakers is not None:
        return parts_of_speakers(sound, options.speakers, options.speaker_map)
    return (Part(options.face, sound),)


def track_options(preset: Preset, options: RunOptions) -> TrackOptions:
    """Join the preset's tracking and the user's wishes; a path instead of a rule is read as a picture."""
    every = preset.detect_every if options.detect_every is None else options.detect_every
    reference = Path(options.face) if is_picture(options.face) else None
    rule = "largest" if reference or options.face == ALL else options.face
    return TrackOptions(
        mode="smooth" if (options.detect_every or 1) > 1 else preset.tracking,
        every=every,
        side=preset.detect_side if options.detect_side is None else options.detect_side,
        pads=preset.pads if options.pads is None else options.pads,
        face=rule,
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
            "background": job.background,
            "tracking": followed,
            "reference": None if reference is None else sha256(reference.tobytes()).hexdigest(),
            "networks": [
                (network.sha256 or network.spec.name, network.spec.digest(), network.device)
                for network in (job.detector.network, *networks)
            ],
            **more,
        }
    )
