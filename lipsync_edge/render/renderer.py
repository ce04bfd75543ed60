"""The renderer: frames with faces in, finished pictures out; no files, no clock, no state between calls.

Offline runs and live streams drive this same object, so they give the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from lipsync_edge.audio.alignment import FeatureStream, FeatureWindow
from lipsync_edge.audio.vad import VadOptions
from lipsync_edge.errors import ModelError
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.models.network import Network
from lipsync_edge.models.preset import Preset
from lipsync_edge.render.composers import choose_composer
from lipsync_edge.render.crop import FaceCrop
from lipsync_edge.render.enhance import Enhancer
from lipsync_edge.render.exemplars.watcher import Watcher
from lipsync_edge.render.guide import Guide, Rest
from lipsync_edge.render.lips import AudioEncoder, Lips
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import F32, U8, Frame, Region, Rendered

Probe = Callable[[str], AbstractContextManager[None]]


def no_probe(stage: str) -> AbstractContextManager[None]:
    """Measure nothing."""
    return nullcontext()


class Renderer:
    """Makes the faces of frames say what they hear; safe to share between threads.

    Args:
        preset: how the networks work together.
        lips: makes mouths.
        segmenter: says what may be replaced, or None.
        enhancer: enlarges what was made, or None.
        encoder: says what a sound asks of a mouth, or None.
        landmarker: finds lips and head; with it and an encoder, a person's own mouth can be taken from other frames.

    Raises:
        ModelError: the networks do not go together.
    """

    def __init__(
        self,
        *,
        preset: Preset,
        lips: Lips,
        segmenter: Segmenter | None = None,
        enhancer: Enhancer | None = None,
        encoder: AudioEncoder | None = None,
        landmarker: Landmarker | None = None,
    ) -> None:
        self.preset = preset
        self.lips = lips
        self.segmenter = segmenter
        self.enhancer = enhancer
        self.encoder = encoder
        self.landmarker = landmarker
        self._composer = choose_composer(preset, lips, segmenter, enhancer)
        if encoder is not None and encoder.audio != lips.audio:
            raise ModelError(
                expected=f"an audio encoder that hears what {lips.spec.name} hears, {lips.audio}",
                got=f"{encoder.network.spec.name}, which hears {encoder.audio}",
            )

    @property
    def networks(self) -> dict[str, Network]:
        """Stage name → loaded network, in the order of the pipeline."""
        stages = {
            "encode_audio": self.encoder,
            "landmarks": self.landmarker,
            "lips": self.lips,
            "enhance": self.enhancer,
            "segment": self.segmenter,
        }
        return {name: stage.network for name, stage in stages.items() if stage is not None}

    def listen(self, rate: int) -> FeatureStream:
        """Return a fresh audio side: sound of `rate` samples a second in, what the lip network hears out."""
        return FeatureStream(
            self.lips.audio,
            rate=rate,
            vad=VadOptions() if self.preset.vad else None,
            blend=self.lips.spec.kind == "warp",  # these learnt that silence closes the mouth
        )

    @property
    def silence(self) -> FeatureWindow:
        """What a face hears when nobody speaks."""
        return FeatureWindow.silent(self.lips.audio)

    @property
    def watcher(self) -> Watcher | None:
        """What looks at faces for exemplars; None where a network for that is missing."""
        if self.encoder is None or self.landmarker is None or self.segmenter is None:
            return None
        fits = self.segmenter.side == self.landmarker.side and self.lips.spec.kind == "warp"
        return Watcher(self.landmarker, self.segmenter) if fits else None

    def guide(self, known: Mapping[int, Rest] | None = None) -> Guide | None:
        """Return what gives the faces of one sequence their goals; None where a network for that is missing.

        Args:
            known: how the mouths of people rest, by identity; who is not named is watched.
        """
        if self.encoder is None or self.landmarker is None or self.lips.spec.kind != "warp":
            return None
        return Guide(self.landmarker, self.encoder, known or {})

    def render(self, frames: Sequence[Frame], probe: Probe = no_probe) -> list[Rendered]:
        """Return one finished picture for each frame.

        A frame whose faces hear nothing, or that shows none, gives its own array back; every other picture is new.

        Args:
            frames: any number of frames; all their faces go through the networks as one batch.
            probe: called with a stage's name ("crop", "lips", "enhance", "segment", "blend"), gives a context
                manager that is entered round that stage.
        """
        with probe("crop"):
            places, crops = self._crops(frames)
        pictures = _Pictures(frames)
        if crops:
            with probe("lips"):
                mouths = self.lips([crop.face_bgr for crop in crops], [_heard(crop) for crop in crops])
            with probe("enhance"):
                mouths = self._composer.enhance(mouths, crops)
            with probe("segment"):
                parsed = self._composer.parse(crops)
            with probe("blend"):
                for i, crop, mouth, regions in zip(places, crops, mouths, parsed, strict=True):
                    self._composer.compose(pictures.writable(i), mouth, regions, crop)
                    pictures.mark(i, crop.region)
        if any(face.own is not None for frame in frames for face in frame.faces):
            with probe("exemplars"):
                _lay_over(frames, pictures)
        return pictures.rendered()

    def _crops(self, frames: Sequence[Frame]) -> tuple[list[int], list[FaceCrop]]:
        """Cut every face that hears something and is not laid over; the first list holds the number of its frame."""
        places: list[int] = []
        crops: list[FaceCrop] = []
        for i, frame in enumerate(frames):
            for face in frame.faces:
                hidden = face.own is not None and face.own.strength >= 1.0
                if (
                    not hidden
                    and face.features is not None
                    and (crop := self._composer.crop(frame.image_bgr, face))
                ):
                    places.append(i)
                    crops.append(crop)
        return places, crops


class _Pictures:
    """Pictures of frames, each copied when it is first written to, and where they were changed."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self._copies: dict[int, U8] = {}
        self._changed: dict[int, Region] = {}

    def writable(self, i: int) -> U8:
        """Return the new picture of frame i, uint8 (H, W, 3) BGR."""
        if i not in self._copies:
            self._copies[i] = self._frames[i].copy_of_image()
        return self._copies[i]

    def mark(self, i: int, region: Region) -> None:
        """Note that a region of frame i may have been changed."""
        self._changed[i] = region.union(self._changed.get(i))

    def rendered(self) -> list[Rendered]:
        """Return one picture for each frame, its own array where nothing was written."""
        return [
            Rendered(self._copies.get(i, frame.image_bgr), self._changed.get(i))
            for i, frame in enumerate(self._frames)
        ]


def _lay_over(frames: Sequence[Frame], pictures: _Pictures) -> None:
    """Lay the faces' own mouths over the pictures."""
    for i, frame in enumerate(frames):
        for face in frame.faces:
            if face.own is None or face.own.strength <= 0.0:
                continue
            region = face.own.lay_over(pictures.writable(i))
            if region is not None:
                pictures.mark(i, region)


def _heard(crop: FaceCrop) -> F32:
    assert crop.face.features is not None, "a face that hears nothing was cut"
    return crop.face.features
