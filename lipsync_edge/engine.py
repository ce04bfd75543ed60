"""The engine: loaded networks behind one name; a thin facade over the renderer and the drivers that do the I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_edge.choices import Mouth
from lipsync_edge.errors import LipsyncError
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identifier import Identifier
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.machine import usable_cores
from lipsync_edge.models import autotune, stage_times
from lipsync_edge.models.devices import AUTO
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.preset import Preset
from lipsync_edge.models.stage_times import StageTime
from lipsync_edge.render.enhance import Enhancer
from lipsync_edge.render.lips import AudioEncoder, Lips
from lipsync_edge.render.renderer import Probe, Renderer, no_probe
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import Frame, Rendered

if TYPE_CHECKING:
    from lipsync_edge.pipeline.avatar import Avatar
    from lipsync_edge.pipeline.face_cache import FaceCache
    from lipsync_edge.pipeline.job import Job
    from lipsync_edge.pipeline.prepare import PrepareOptions
    from lipsync_edge.pipeline.result import RunResult
    from lipsync_edge.pipeline.run_options import RunOptions
    from lipsync_edge.pipeline.stream import Stream


def load(
    *,
    preset: str | Preset = "lite",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    models: str | Path | None = None,
) -> Engine:
    """Load every network of a preset.

    With device "auto" and nothing but the package's own models, the configuration that `lipsync-edge bench` found to
    be the fastest on this machine is taken (`lipsync_edge.models.autotune`), or else what a first run of the command
    line measured network by network (`lipsync_edge.models.stage_times`); `Engine.chosen` says so.

    Args:
        preset: a name of `lipsync_edge.models.preset.preset_names()`, or a `Preset` of your own.
        device: a name of `lipsync_edge.models.devices.DEVICES`, or "auto", which alone may fall back.
        precision: "auto", "fp32", "fp16" or "int8".
        threads: threads that one network call may use; None leaves it to the runtime.
        models: folder with your own converted models; the bundled ones need none.

    Raises:
        UsageError: unknown preset, device or precision.
        ModelError: a network is missing, damaged or not what its card says.
        DeviceError: a device that was asked for by name cannot run here.
    """
    folder = Path(models) if models is not None else None
    return load_engine(
        EngineOptions(preset=preset, device=device, precision=precision, threads=threads, models=folder)
    )


def load_engine(options: EngineOptions) -> Engine:
    """Load every network of a preset; see `load`."""
    if options.device != AUTO:
        return _open(options, "as asked")
    why = "auto: not measured here yet"
    best = autotune.fastest_for(options)
    if best is None and (ways := stage_times.chosen(options)):
        why = "auto: the fastest of what was measured here, network by network"
        try:
            return _open(options, why, ways)
        except LipsyncError as error:
            why = f"auto: what was measured to be the fastest does not open: {error.got}"
    if best is not None:
        why = f"auto: the fastest of lipsync-edge bench here, {best.when}, {best.fps:.0f} fps"
        try:
            return _open(replace(options, device=best.device, precision=best.precision), why)
        except LipsyncError as error:
            why = f"auto: {best.device}, the fastest of lipsync-edge bench, does not open: {error.got}"
    return _open(options, why)


def _open(options: EngineOptions, why: str, ways: Mapping[str, StageTime] | None = None) -> Engine:
    """Load every network, each its own way where ways are given by name; several at once, which a start waits for."""

    def loaded(name: str) -> Network:
        way = options if not ways else ways[name]
        return load_network(
            name,
            models=options.models,
            device=way.device,
            precision=way.precision,
            threads=way.threads,
        )

    preset = options.read_preset()
    with ThreadPoolExecutor(usable_cores()) as pool:
        loading = {name: pool.submit(loaded, name) for name in preset.networks}

    def network(name: str) -> Network:
        return loading[name].result()

    detector = Detector(network(preset.detect))
    renderer = Renderer(
        preset=preset,
        lips=Lips(network(preset.lips)),
        segmenter=Segmenter(network(preset.segment)) if preset.segment else None,
        enhancer=Enhancer(network(preset.enhance)) if preset.enhance else None,
        encoder=AudioEncoder(network(preset.voice)) if preset.voice else None,
        landmarker=Landmarker(network(preset.landmarks)) if preset.landmarks else None,
    )
    identifier = Identifier(network(preset.identity)) if preset.identity else None
    return Engine(detector, renderer, chosen=why, identifier=identifier)


class Engine:
    """Loaded networks, ready to work; made by `lipsync_edge.load`, safe to share between threads.

    Attributes:
        detector: finds faces.
        renderer: makes finished pictures of frames with faces.
        chosen: why the networks run where they run, for people.
        identifier: tells people apart, or None: a grey patch does.
    """

    def __init__(
        self,
        detector: Detector,
        renderer: Renderer,
        *,
        chosen: str = "",
        identifier: Identifier | None = None,
    ) -> None:
        self.detector = detector
        self.renderer = renderer
        self.chosen = chosen
        self.identifier = identifier

    @property
    def preset(self) -> Preset:
        """How the networks work together."""
        return self.renderer.preset

    @property
    def networks(self) -> dict[str, Network]:
        """Stage name → loaded network, in the order of the pipeline."""
        found = {"detect": self.detector.network}
        if self.identifier is not None:
            found["identify"] = self.identifier.network
        return found | self.renderer.networks

    @property
    def device(self) -> str:
        """Where the networks really run, e.g. "cpu"; several, joined by "+", when they differ."""
        return "+".join(dict.fromkeys(network.device for network in self.networks.values()))

    def render(self, frames: Sequence[Frame], probe: Probe = no_probe) -> list[Rendered]:
        """Return one finished picture for each frame; see `lipsync_edge.render.renderer.Renderer.render`."""
        return self.renderer.render(frames, probe)

    def run(
        self,
        face: str | Path,
        audio: str | Path | None,
        out: str | Path,
        *,
        voices: Mapping[str, str | Path] | None = None,
        options: RunOptions | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        observe: Callable[[str, float, int], None] | None = None,
        cache: str | Path | FaceCache | None = None,
    ) -> RunResult:
        """Make the face say the audio and write the result; see `lipsync_edge.RunOptions`.

        Args:
            face: a video or a still image.
            audio: any file with sound; None where `voices` are given.
            out: .mp4, .mov, .mkv or .webm; written beside its name and renamed when it is complete.
            voices: who → the sound that drives them: `RunOptions.voices`, said shortly.
            options: whom to follow, looping, part, encoding.
            progress: called with the frames done and their total (None when the sound does not say its length).
            observe: called with a stage's name, the seconds of one pass through it and how many frames went through
                at once, by the thread that did it; the stages are those of `RunResult.stage_s`.
            cache: folder that keeps what was found in face files (tracks, own mouths), so that another sound for the
                same face goes faster; the result is the same.

        Raises:
            InputError: a file cannot be used; NoFaceError: no frame shows a face.
            OutputError: the result cannot be written.
        """
        from lipsync_edge.pipeline import offline

        job = self.job(face, audio, out, voices=voices, options=options, cache=cache)
        result = offline.run(job, looks=self.identifier, progress=progress, observe=observe)
        return replace(result, chosen=self.chosen)

    def job(
        self,
        face: str | Path,
        audio: str | Path | None,
        out: str | Path,
        *,
        voices: Mapping[str, str | Path] | None = None,
        options: RunOptions | None = None,
        cache: str | Path | FaceCache | None = None,
    ) -> Job:
        """Check a run's files and options before anything is computed; see `run`."""
        from lipsync_edge.pipeline.face_cache import FaceCache
        from lipsync_edge.pipeline.job import Job
        from lipsync_edge.pipeline.run_options import RunOptions

        if voices:
            theirs = {who: Path(file) for who, file in voices.items()}
            options = replace(options or RunOptions(), voices=theirs)
        kept = cache if cache is None or isinstance(cache, FaceCache) else FaceCache(Path(cache))
        sound = Path(audio) if audio else None
        return Job.check(self.detector, self.renderer, Path(face), sound, Path(out), options, kept)

    def make(
        self,
        job: Job,
        *,
        progress: Callable[[int, int | None], None] | None = None,
        observe: Callable[[str, float, int], None] | None = None,
    ) -> RunResult:
        """Do a run that was checked; see `run`."""
        from lipsync_edge.pipeline import offline

        result = offline.run(job, looks=self.identifier, progress=progress, observe=observe)
        return replace(result, chosen=self.chosen)

    def prepare(self, face: str | Path, *, options: PrepareOptions | None = None) -> Avatar:
        """Decode and track a video or a still once, for streams; at most `options.seconds` of it (60 without)."""
        from lipsync_edge.pipeline.prepare import prepare

        return prepare(self.detector, self.preset, face, options, self.renderer.watcher, self.identifier)

    def stream(
        self,
        avatar: Avatar,
        *,
        sample_rate: int = 16_000,
        fps: Fraction | int | None = None,
        mouth: Mouth = "auto",
        strength: float = 1.0,
    ) -> Stream:
        """Open a live stream: speech goes in, finished frames come out; see `lipsync_edge.Stream`.

        Raises:
            ManifestError: the avatar was prepared with another detector or other settings.
        """
        from lipsync_edge.pipeline.avatar import AvatarOrigin
        from lipsync_edge.pipeline.stream import Stream

        avatar.check(AvatarOrigin.of(self.detector, self.preset))
        return Stream(self.renderer, avatar, sample_rate=sample_rate, fps=fps, mouth=mouth, strength=strength)
