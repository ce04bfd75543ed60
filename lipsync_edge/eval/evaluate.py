"""One result, every metric: a value, or the reason why it is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.errors import InputError, NoAudioError
from lipsync_edge.eval import watch
from lipsync_edge.eval.curves import at_times, curve, opening_figures, plain
from lipsync_edge.eval.examples import Example, examples
from lipsync_edge.eval.metrics import fid
from lipsync_edge.eval.metrics.pixels import psnr, ssim
from lipsync_edge.eval.metrics.seam import seam
from lipsync_edge.eval.metrics.syncnet import RATE, load_syncnet, sync_score
from lipsync_edge.eval.metrics.temporal import flicker, tss
from lipsync_edge.eval.watch import LEAST, MOUTH, Place, Seen, cut_box, mouth_box
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.types import F32, U8
from lipsync_edge.video.probe import probe

NO_REFERENCE = "no --reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """What is evaluated.

    Attributes:
        generated: the result.
        reference: the same pictures as they really were, frame by frame (or the source that was dubbed).
        speaker: video of the person who really says what is heard; without it the reference is taken for it.
        audio: the sound; without it the result's own.
        models: folder with syncnet_v2.audio/lip.fp32.onnx.
        inception: an Inception-v3 as ONNX, see `lipsync_edge.eval.metrics.fid.open_inception`.
        seconds: how much of the videos is looked at, from their beginning.
        every: pictures are compared (PSNR, SSIM, seam) on every n-th frame; all else looks at every frame.
    """

    generated: Path
    reference: Path | None = None
    speaker: Path | None = None
    audio: Path | None = None
    models: Path | None = None
    inception: Path | None = None
    seconds: float = 30.0
    every: int = 1


@dataclass(slots=True, kw_only=True, eq=False)
class Evaluation:
    """What came out.

    Attributes:
        metrics: name → value; a metric that could not be taken is not in it.
        missing: name → why it is missing.
        curves: name → one value a frame (seconds for "time").
        examples: moments for the report.
        frames: how many were looked at.
        frames_without_face: how many of them show no face.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    curves: dict[str, list[float | None]] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    frames: int = 0
    frames_without_face: int = 0

    def put(self, name: str, value: float | None, why: str) -> None:
        """Note a value, or why there is none."""
        if value is None:
            self.missing[name] = why
        else:
            self.metrics[name] = value

    def plain(self) -> dict[str, Any]:
        """Return what goes into the JSON: everything but the pictures; an infinite PSNR is null, said in `notes`."""
        finite = {k: (v if np.isfinite(v) else None) for k, v in self.metrics.items()}
        endless = [k for k, v in finite.items() if v is None]
        return {
            "metrics": finite,
            "infinite": endless,
            "missing": self.missing,
            "frames": self.frames,
            "frames_without_face": self.frames_without_face,
            "curves": self.curves,
        }


def evaluate(options: EvalOptions) -> Evaluation:
    """Take every metric that the given files allow."""
    for path in (options.generated, options.reference, options.speaker, options.audio, options.inception):
        if path is not None and not path.is_file():
            raise InputError(expected=f"a file at {path}", got="nothing there")
    if not options.seconds > 0:
        raise InputError(expected="more than 0 seconds", got=str(options.seconds))
    if options.every < 1:
        raise InputError(expected="every n-th frame, n from 1", got=str(options.every))
    detector = Detector(load_network("edge_detect", device="cpu"))
    segmenter = load_network("edge_segment", device="cpu", precision="fp32")
    out = Evaluation()
    places = watch.follow(options.reference or options.generated, detector, options.seconds)
    seen = watch.see(options.generated, places)
    real = watch.see(options.reference, places) if options.reference else None
    out.frames = len(seen.times)
    out.frames_without_face = sum(crop is None for crop in seen.aligned_bgr)
    _pixels(out, options, places)
    _temporal(out, seen, real)
    _openings(out, options, seen, real, segmenter, detector)
    _sync(out, options, seen)
    _fid(out, options, seen, real)
    out.examples = examples(seen, real)
    return out


def _pixels(out: Evaluation, options: EvalOptions, places: list[Place]) -> None:
    """PSNR and SSIM of the whole frame, the face's box and the mouth, and the seam: means over frames."""
    names = [f"{metric}_{part}" for part in ("frame", "face", "mouth") for metric in ("psnr", "ssim")]
    rows: dict[str, list[float]] = {name: [] for name in [*names, "seam"]}
    if options.reference:
        pairs = zip(
            watch.frames(options.generated, places), watch.frames(options.reference, places), strict=False
        )
        for (made, place), (real, _) in islice(pairs, 0, None, options.every):
            if made.shape != real.shape:
                raise InputError(
                    expected=f"a reference of {made.shape[1]}x{made.shape[0]}",
                    got=f"{real.shape[1]}x{real.shape[0]}",
                    fix="scale it first",
                )
            _one_frame(rows, made, real, place)
    why = NO_REFERENCE if not options.reference else "no frame shows a face that is large enough"
    for name in names:
        out.put(name, float(np.mean(rows[name])) if rows[name] else None, why)
    unchanged = NO_REFERENCE if not options.reference else "no frame differs from the reference"
    out.put("seam", float(np.mean(rows["seam"])) if rows["seam"] else None, unchanged)


def _one_frame(rows: dict[str, list[float]], made: U8, real: U8, place: Place) -> None:
    rows["psnr_frame"].append(psnr(made, real))
    rows["ssim_frame"].append(ssim(made, real))
    if place.box_xyxy is None or place.landmarks is None:
        return
    for part, box in (("face", place.box_xyxy), ("mouth", mouth_box(place.landmarks))):
        a, b = cut_box(made, box), cut_box(real, box)
        if min(a.shape[:2]) >= LEAST:
            rows[f"psnr_{part}"].append(psnr(a, b))
            rows[f"ssim_{part}"].append(ssim(a, b))
    grow = 0.3 * float(np.max(place.box_xyxy[2:] - place.box_xyxy[:2]))
    wide = place.box_xyxy + np.array([-grow, -grow, grow, grow], np.float32)
    edge = seam(cut_box(made, wide), cut_box(real, wide))
    if edge is not None:
        rows["seam"].append(edge)


def _temporal(out: Evaluation, seen: Seen, real: Seen | None) -> None:
    for end, one in (("", seen), ("_reference", real)):
        for name, metric, part in (("tss", tss, MOUTH), ("flicker", flicker, (slice(None), slice(None)))):
            runs = [[crop[part] for crop in run] for run in one.runs] if one else []
            values = [(v, len(run)) for run in runs if (v := metric(run)) is not None]
            mean = (
                float(np.average([v for v, _ in values], weights=[n for _, n in values])) if values else None
            )
            out.put(name + end, mean, "fewer than three frames with a face in a row" if one else NO_REFERENCE)


def _openings(
    out: Evaluation,
    options: EvalOptions,
    seen: Seen,
    real: Seen | None,
    see_mouth: Network,
    detector: Detector,
) -> None:
    speaker = real
    if options.speaker:
        speaker = watch.see(options.speaker, watch.follow(options.speaker, detector, options.seconds))
    made = curve(see_mouth, seen)
    theirs = None if speaker is None else at_times(seen, speaker, curve(see_mouth, speaker))
    source = curve(see_mouth, real) if real and options.speaker else None
    named = {"opening": made, "speaker_opening": theirs, "source_opening": source}
    out.curves = {"time": [*seen.times], **{k: plain(v) for k, v in named.items() if v is not None}}
    for name, (value, why) in opening_figures(made, theirs, source).items():
        out.put(name, value, why)


def _sync(out: Evaluation, options: EvalOptions, seen: Seen) -> None:
    names = ("lse_d", "lse_c", "av_offset")
    why, score = "too few frames in a row show a face", None
    branches = load_syncnet(options.models)
    if branches is None:
        why = "no syncnet_v2.audio.fp32.onnx and syncnet_v2.lip.fp32.onnx in --models (the user's, converted)"
    elif find_spec("python_speech_features") is None:
        why = "its MFCCs need another package: pip install 'lipsync-edge[eval]'"
    else:
        try:
            samples = _heard(options)
            score = sync_score(seen.sync_bgr, samples[: round(options.seconds * RATE)], *branches)
        except NoAudioError:
            why = "no sound"
    values = (score.lse_d, score.lse_c, score.offset) if score else (None, None, None)
    for name, value in zip(names, values, strict=True):
        out.put(name, value, why)


def _heard(options: EvalOptions) -> F32:
    """Return what is said, from the first frame on: of the generated file itself when no other is named."""
    if options.audio is None:
        return read_audio(options.generated, start=probe(options.generated).begins)
    return read_audio(options.audio)


def _fid(out: Evaluation, options: EvalOptions, seen: Seen, real: Seen | None) -> None:
    if options.inception is None or real is None:
        out.put(
            "fid", None, NO_REFERENCE if real is None else "no --inception (the user's Inception-v3 as ONNX)"
        )
        return
    if min(len(seen.faces_bgr), len(real.faces_bgr)) < 2:
        out.put("fid", None, "fewer than two faces")
        return
    network = fid.open_inception(options.inception)
    pair = fid.features(network, seen.faces_bgr), fid.features(network, real.faces_bgr)
    out.put("fid", fid.frechet(*pair), "")
