"""Composers: how the mouths of one kind of lip network come back into the picture; one is chosen when an engine loads.

`WarpComposer` carries the frame's own pixels, `SoftComposer` and `ReferenceComposer` paste a painted crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from lipsync_edge.errors import ModelError
from lipsync_edge.face.align import aligned_crop
from lipsync_edge.models.preset import Preset
from lipsync_edge.render import composite
from lipsync_edge.render.crop import FaceCrop, crop_aligned, crop_box
from lipsync_edge.render.enhance import Enhancer
from lipsync_edge.render.exemplars.inside import keep_inside
from lipsync_edge.render.lips import ImageMouth, Lips, Mouth, WarpMouth
from lipsync_edge.render.segment import Regions, Segmenter
from lipsync_edge.render.steering import steered
from lipsync_edge.types import F32, U8, Face


class Composer(Protocol):
    """What the renderer asks of a kind of mouth."""

    def crop(self, image_bgr: U8, face: Face) -> FaceCrop | None:
        """Cut the face as the lip network eats it; None where there is nothing to cut."""
        ...

    def enhance(self, mouths: Sequence[Mouth], crops: Sequence[FaceCrop]) -> list[Mouth]:
        """Make mouths finer where that shows."""
        ...

    def parse(self, crops: Sequence[FaceCrop]) -> list[Regions | None]:
        """Say which pixels of each crop may be replaced; None: the whole box is."""
        ...

    def compose(self, image_bgr: U8, mouth: Mouth, regions: Regions | None, crop: FaceCrop) -> None:
        """Put the mouth into the picture, in place, inside the crop's region."""
        ...


def choose_composer(
    preset: Preset, lips: Lips, segmenter: Segmenter | None, enhancer: Enhancer | None
) -> Composer:
    """Return the composer of a lip network and a preset.

    Raises:
        ModelError: the network's kind and its way of cutting do not go together.
    """
    kind, cut = lips.spec.kind, lips.spec.crop
    if kind == "warp" and cut == "aligned":
        return WarpComposer(lips.side, segmenter, enhancer)
    if kind == "image" and cut == "box":
        style = ReferenceComposer if preset.style == "reference" else SoftComposer
        return style(lips.side, segmenter, enhancer)
    raise ModelError(
        expected="lips of kind warp on aligned crops, or of kind image on boxes",
        got=f"{lips.spec.name} of kind {kind} on {cut} crops",
    )


class WarpComposer:
    """Carries the frame's own pixels to where the mouth says, at the frame's resolution."""

    def __init__(self, side: int, segmenter: Segmenter | None, enhancer: Enhancer | None) -> None:
        self._side, self._segmenter, self._enhancer = side, segmenter, enhancer

    def crop(self, image_bgr: U8, face: Face) -> FaceCrop | None:
        """Cut the face upright, by its landmarks."""
        return crop_aligned(image_bgr, face, self._side)

    def enhance(self, mouths: Sequence[Mouth], crops: Sequence[FaceCrop]) -> list[Mouth]:
        """Enlarge the interiors, and those only where the source is sharper than they are."""
        out = list(mouths)
        if self._enhancer is None:
            return out
        chosen = {
            i: mouth
            for i, (mouth, cut) in enumerate(zip(mouths, crops, strict=True))
            if isinstance(mouth, WarpMouth) and cut.crop is not None and cut.crop.scale > 1.0
        }
        faces = [crops[i].of_side(_side_of(mouth, crops[i])) for i, mouth in chosen.items()]
        for i, mouth in zip(chosen, self._enhancer.warped(list(chosen.values()), faces), strict=True):
            out[i] = mouth
        return out

    def parse(self, crops: Sequence[FaceCrop]) -> list[Regions | None]:
        """Parse the source crops; the regions lie over the crop."""
        if self._segmenter is None:
            return [Regions(np.ones((self._side, self._side), np.float32)) for _ in crops]
        return [*self._segmenter.regions([crop.of_side(self._segmenter.side) for crop in crops])]

    def compose(self, image_bgr: U8, mouth: Mouth, regions: Regions | None, crop: FaceCrop) -> None:
        """Carry, paint what is newly uncovered of the interior, and mix by the mask."""
        if not isinstance(mouth, WarpMouth) or crop.crop is None or regions is None:
            return
        if crop.face.goal is not None:
            mouth = steered(mouth, crop.face.goal)
        shown = mouth if regions.inside is None else keep_inside(mouth, regions.inside)
        composite.warp_face(image_bgr, shown, regions.paste, crop.crop, crop.region)


def _side_of(mouth: WarpMouth, crop: FaceCrop) -> int:
    """Side of the face at the resolution of the interior, or of the lip network's crop where that is finer."""
    left, _, right, _ = mouth.window
    return max(round(mouth.paint.shape[1] / (right - left)), len(crop.face_bgr))


class SoftComposer:
    """Pastes a painted crop with a feathered mask and matched colour."""

    def __init__(self, side: int, segmenter: Segmenter | None, enhancer: Enhancer | None) -> None:
        self._side, self._segmenter, self._enhancer = side, segmenter, enhancer

    def crop(self, image_bgr: U8, face: Face) -> FaceCrop | None:
        """Cut the face by its box."""
        return crop_box(image_bgr, face, self._side)

    def enhance(self, mouths: Sequence[Mouth], crops: Sequence[FaceCrop]) -> list[Mouth]:
        """Enlarge the painted faces."""
        if self._enhancer is None:
            return list(mouths)
        return [*self._enhancer.painted([mouth for mouth in mouths if isinstance(mouth, ImageMouth)])]

    def parse(self, crops: Sequence[FaceCrop]) -> list[Regions | None]:
        """Parse the source crops; the regions lie over the box."""
        parser = self._segmenter
        if parser is None:
            return [self._unparsed(crop) for crop in crops]
        if parser.spec.crop == "box":
            return [*parser.regions([crop.of_side(parser.side) for crop in crops])]
        return [self._parsed_upright(parser, crop) for crop in crops]

    def compose(self, image_bgr: U8, mouth: Mouth, regions: Regions | None, crop: FaceCrop) -> None:
        """Paste with feather and matched colour; in silence the frame keeps its own mouth."""
        if not isinstance(mouth, ImageMouth) or regions is None:
            return
        mask = regions.paste
        fitted = mask if mask.shape == crop.region.size[::-1] else cv2.resize(mask, crop.region.size)
        composite.paste_soft(
            image_bgr, mouth.image, crop.region, np.asarray(fitted, np.float32), crop.face.gain
        )

    def _unparsed(self, crop: FaceCrop) -> Regions | None:
        return Regions(np.ones(crop.region.size[::-1], np.float32))

    def _parsed_upright(self, parser: Segmenter, crop: FaceCrop) -> Regions | None:
        """Parse with a network that eats aligned crops, and lay the mask over the box."""
        if crop.face.landmarks is None:
            return self._unparsed(crop)
        upright = aligned_crop(crop.face.landmarks, parser.side)
        mask = parser([upright.cut(crop.image_bgr)])[0]
        return Regions(composite.spread(mask, upright, crop.region))


class ReferenceComposer(SoftComposer):
    """Pastes as wav2lip and wav2lip-hq do, rounding included."""

    def compose(self, image_bgr: U8, mouth: Mouth, regions: Regions | None, crop: FaceCrop) -> None:
        """Paste hard."""
        if isinstance(mouth, ImageMouth):
            mask = None if regions is None else regions.paste
            composite.paste_reference(image_bgr, self._to_bytes(mouth.image), crop.region, mask)

    def _to_bytes(self, image: F32) -> U8:
        """Float face → bytes as the reference does: rounded after ESRGAN, cut off without it."""
        scaled = image * np.float32(255.0)
        return (np.rint(scaled) if self._enhancer is not None else scaled).astype(np.uint8)

    def _unparsed(self, crop: FaceCrop) -> Regions | None:
        """Return None: without a parser the whole box is replaced."""
        return None
