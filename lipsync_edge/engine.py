"""The engine: Ticks in, finished frames out; no I/O, no clock, no state between calls.

Offline runs and live streams drive this same object, so they give the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lipsync_edge import blend
from lipsync_edge.arrays import F32, U8, Tick
from lipsync_edge.blend import Region
from lipsync_edge.crop import aligned_crop
from lipsync_edge.detect import Detector
from lipsync_edge.enhance import Enhancer
from lipsync_edge.face_cut import FaceCut, cut_face, face_as_fine_as, face_of_side, face_region
from lipsync_edge.lips import ImageMouth, Lips, Mouth, WarpMouth
from lipsync_edge.network import Network
from lipsync_edge.preset import Preset
from lipsync_edge.render_exemplars.inside import keep_inside
from lipsync_edge.segment import Regions, Segmenter

if TYPE_CHECKING:
    from lipsync_edge.avatar import Avatar
    from lipsync_edge.offline import RunOptions, RunResult
    from lipsync_edge.prepare import PrepareOptions
    from lipsync_edge.stream import Stream

Probe = Callable[[str], AbstractContextManager[None]]


def no_probe(stage: str) -> AbstractContextManager[None]:
    """Measure nothing."""
    return nullcontext()


class Engine:
    """Loaded networks, ready to turn Ticks into frames; made by `lipsync_edge.load`, safe to share between threads.

    Attributes:
        preset: how the networks work together.
        detector: finds faces; used by the drivers, not by `render`.
        lips: makes mouths.
        segmenter: says what may be replaced, or None.
        enhancer: enlarges what was made, or None.
        chosen: why the networks run where they run, for people.
    """

    def __init__(
        self,
        *,
        preset: Preset,
        detector: Detector,
        lips: Lips,
        segmenter: Segmenter | None = None,
        enhancer: Enhancer | None = None,
        chosen: str = "",
    ) -> None:
        self.preset = preset
        self.detector = detector
        self.lips = lips
        self.segmenter = segmenter
        self.enhancer = enhancer
        self.chosen = chosen

    @property
    def networks(self) -> dict[str, Network]:
        """Stage name → loaded network, in the order of the pipeline."""
        networks = {"detect": self.detector.network, "lips": self.lips.network}
        if self.enhancer is not None:
            networks["enhance"] = self.enhancer.network
        if self.segmenter is not None:
            networks["segment"] = self.segmenter.network
        return networks

    @property
    def device(self) -> str:
        """Where the networks really run, e.g. "cpu"; several, joined by "+", when they differ."""
        return "+".join(dict.fromkeys(network.device for network in self.networks.values()))

    def render(self, ticks: Sequence[Tick], probe: Probe = no_probe) -> list[U8]:
        """Return one finished frame, uint8 (H, W, 3) BGR, for each tick.

        A tick without a face gives its own frame back (the same array); every other frame is a new array.

        Args:
            ticks: any number of ticks; they go through the networks as one batch.
            probe: called with a stage's name ("cut", "lips", "enhance", "segment", "blend"), gives a context
                manager that is entered round that stage.
        """
        frames = [tick.frame_bgr for tick in ticks]
        with probe("cut"):
            cuts = {i: cut for i, tick in enumerate(ticks) if (cut := cut_face(tick, self.lips)) is not None}
        if not cuts:
            return frames
        with probe("lips"):
            mouths = self.lips([cut.face_bgr for cut in cuts.values()], [ticks[i].mel for i in cuts])
        with probe("enhance"):
            mouths = self._enhance([ticks[i] for i in cuts], mouths, list(cuts.values()))
        with probe("segment"):
            regions = list(self._masks([(ticks[i], cut) for i, cut in cuts.items()]))
        with probe("blend"):
            for (i, cut), mouth, seen in zip(cuts.items(), mouths, regions, strict=True):
                frames[i] = self._blend(ticks[i], cut, mouth, seen)
        return frames

    def changed(self, tick: Tick) -> Region | None:
        """Return the part of a tick's frame outside of which `render` changes nothing; None: nothing changes."""
        return face_region(tick, self.lips)

    def run(
        self,
        face: str | Path,
        audio: str | Path,
        out: str | Path,
        *,
        options: RunOptions | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        observe: Callable[[str, float, int], None] | None = None,
    ) -> RunResult:
        """Make the face say the audio and write the result; see `lipsync_edge.offline.RunOptions`.

        Args:
            face: a video or a still image.
            audio: any file with sound.
            out: .mp4, .mov, .mkv or .webm; written beside its name and renamed when it is complete.
            options: whom to follow, looping, part, encoding.
            progress: called with the frames done and their total (None when the sound does not say its length).
            observe: called with a stage's name, the seconds of one pass through it and how many frames went through
                at once, by the thread that did it; the stages are those of `RunResult.stage_s`.

        Raises:
            InputError: a file cannot be used; NoFaceError: no frame shows a face.
            OutputError: the result cannot be written.
        """
        from lipsync_edge import offline

        return offline.run(self, face, audio, out, options=options, progress=progress, observe=observe)

    def prepare(self, face: str | Path, *, options: PrepareOptions | None = None) -> Avatar:
        """Decode and track a video or a still once, for streams; at most `options.seconds` of it (60 without)."""
        from lipsync_edge.prepare import prepare

        return prepare(self, face, options)

    def stream(
        self, avatar: Avatar, *, sample_rate: int = 16_000, fps: Fraction | int | None = None
    ) -> Stream:
        """Open a live stream: speech goes in, finished frames come out; see `lipsync_edge.stream.Stream`."""
        from lipsync_edge.stream import Stream

        return Stream(self, avatar, sample_rate=sample_rate, fps=fps)

    def _enhance(self, ticks: Sequence[Tick], mouths: list[Mouth], cuts: list[FaceCut]) -> list[Mouth]:
        """Enlarge painted faces; of a warped face only the paint, and only where the source is sharper than it."""
        if self.enhancer is None:
            return mouths
        painted = {i: mouth for i, mouth in enumerate(mouths) if isinstance(mouth, ImageMouth)}
        warped = {
            i: mouth
            for i, mouth in enumerate(mouths)
            if isinstance(mouth, WarpMouth) and (crop := cuts[i].crop) is not None and crop.scale > 1.0
        }
        faces = [face_as_fine_as(mouth, ticks[i], cuts[i]) for i, mouth in warped.items()]
        out = dict(enumerate(mouths))
        out |= zip(painted, self.enhancer.painted(list(painted.values())), strict=True)
        out |= zip(warped, self.enhancer.warped(list(warped.values()), faces), strict=True)
        return list(out.values())

    def _masks(self, items: list[tuple[Tick, FaceCut]]) -> Iterator[Regions | None]:
        """Parse the source crops; the mask lies over the crop (aligned) or over the region (box)."""
        if self.segmenter is None:
            for _, cut in items:
                yield None if self.preset.style == "published" else Regions(self._no_mask(cut))
            return
        if self.segmenter.card.crop == "box" or items[0][1].crop is not None:
            side = self.segmenter.side
            yield from self.segmenter.regions([face_of_side(side, tick, cut) for tick, cut in items])
            return
        for tick, cut in items:
            yield Regions(self._mask_of_box(tick, cut))

    def _mask_of_box(self, tick: Tick, cut: FaceCut) -> F32:
        """Parse the aligned crop of a face that is pasted by its box."""
        if self.segmenter is None or tick.landmarks is None:
            return self._no_mask(cut)
        crop = aligned_crop(tick.landmarks, self.segmenter.side)
        mask = self.segmenter([crop.cut(tick.frame_bgr)])[0]
        return blend.spread(mask, crop, cut.region)

    def _no_mask(self, cut: FaceCut) -> F32:
        if cut.crop is not None:
            return np.ones((cut.crop.side, cut.crop.side), np.float32)
        return np.ones(cut.region.size[::-1], np.float32)

    def _blend(self, tick: Tick, cut: FaceCut, mouth: Mouth, regions: Regions | None) -> U8:
        frame = tick.frame_bgr.copy()
        mask = None if regions is None else regions.paste
        if isinstance(mouth, WarpMouth):
            if cut.crop is not None and regions is not None and mask is not None:
                mouth = mouth if regions.inside is None else keep_inside(mouth, regions.inside)
                blend.warp_face(frame, mouth, mask, cut.crop, cut.region)
        elif self.preset.style == "published":
            blend.paste_published(frame, self._to_bytes(mouth.image), cut.region, mask)
        elif mask is not None:
            mask = mask if mask.shape == cut.region.size[::-1] else cv2.resize(mask, cut.region.size)  # type: ignore[assignment]
            blend.paste_soft(frame, mouth.image, cut.region, mask, tick.gain)
        return frame

    def _to_bytes(self, image: F32) -> U8:
        """Float face → bytes as the reference does: rounded after ESRGAN, cut off without it."""
        scaled = image * np.float32(255.0)
        return (np.rint(scaled) if self.enhancer is not None else scaled).astype(np.uint8)
