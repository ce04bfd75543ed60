"""How near each stage comes to what this machine can do: its least time by a measured peak, and its own time.

    python -m benchmarks run roofline [--seconds 3] [--corpus DIR]

In the same run, on one thread: multiply-adds a second of a large matrix product in ONNX Runtime (`fp32`, and `int8` as
MatMulInteger), and bytes a second that a copy of a large array writes (`copy`). A stage *must* compute its
multiply-adds and write its bytes once; the least time is the longer of the two, as if everything else were free
(Williams, Waterman and Patterson, "Roofline", CACM 2009). `near` is that over the stage's own processor time.

Networks count the manifest's multiply-adds and their weights, one frame a call. Picture work counts what no way of
doing it can save: every byte that changes is written once, every pixel of a moved mouth is interpolated from sixteen in
three channels. Entropy coding and motion search have no such bound: `decode` and `encode` count bytes alone, so that
their `near` says only that moving pixels is not what they do. Rows: roofline.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import lipsync_edge as le
from benchmarks import rows
from benchmarks.process import load_now
from benchmarks.source import FPS, HEIGHT, WIDTH, Source, add_source_options, make_source
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.preset import load_preset
from lipsync_edge.models.registry import bundled_models, find_model, read_manifest, split_name
from lipsync_edge.models.tuner import example
from lipsync_edge.render.exemplars.selection import Bank, Selector
from lipsync_edge.types import Frame, Rendered
from lipsync_edge.video.container import decoded, opened, video_stream
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter

SIDE = 1024  # of the matrices
COPIED = 64 << 20  # bytes; more than any cache
TIMES = 30
PRESET = "hq"  # has all networks
CUBIC = 16 * 3  # multiply-adds a pixel
EXEMPLARS = 600  # of a full library


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage, a frame.

    Attributes:
        name: of it.
        kind: of its multiply-adds, "int8" or "fp32".
        macs: multiply-adds that it must compute.
        moved: bytes that it must write.
        ms: processor time.
    """

    name: str
    kind: str
    macs: int
    moved: int
    ms: float


def least(call: Callable[[], object], times: int = TIMES) -> float:
    """Return the least processor time of the process for a call, ms; a first call is not counted."""
    call()
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append(1000 * (time.process_time() - began))
    return min(taken)


def peaks(folder: Path) -> dict[str, float]:
    """Return thousand million multiply-adds a second by kind, and thousand million bytes a second of a copy."""
    rng = np.random.default_rng(0)
    found = {}
    for kind, left, right in (
        ("fp32", np.float32, np.float32),
        ("int8", np.uint8, np.int8),
    ):
        path = folder / f"{kind}.onnx"
        weights = rng.integers(-40, 40, (SIDE, SIDE)).astype(right)
        path.write_bytes(_product(weights, "MatMul" if kind == "fp32" else "MatMulInteger"))
        session = open_backend(path, "cpu", 1)
        feeds = {"a": rng.integers(0, 80, (SIDE, SIDE)).astype(left)}
        found[kind] = round(SIDE**3 / least(lambda s=session, f=feeds: s.run(f)) / 1e6, 1)  # type: ignore[misc]
    source, target = np.ones(COPIED, np.uint8), np.ones(COPIED, np.uint8)
    found["copy"] = round(COPIED / least(lambda: np.copyto(target, source)) / 1e6, 1)
    return found


def _product(weights: np.ndarray[Any, Any], kind: str) -> bytes:
    """Return an ONNX model a · weights; the weights are constant, so that a runtime may lay them out as it likes."""
    from onnx import TensorProto, helper, numpy_helper

    is_float = kind == "MatMul"
    taken, given = (
        (TensorProto.FLOAT, TensorProto.FLOAT) if is_float else (TensorProto.UINT8, TensorProto.INT32)
    )
    graph = helper.make_graph(
        [helper.make_node(kind, ["a", "w"], ["y"])],
        kind,
        [helper.make_tensor_value_info("a", taken, [SIDE, SIDE])],
        [helper.make_tensor_value_info("y", given, [SIDE, SIDE])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def networks() -> list[Stage]:
    """Time the networks of the preset, one frame a call, one thread, as they are shipped."""
    files, folder = read_manifest(bundled_models()), bundled_models()
    stages = []
    for name in load_preset(PRESET).networks:
        path = find_model(name, models=None, device="cpu", precision="auto")
        backend, feeds = open_backend(path, "cpu", 1), example(name, 1)
        ms = least(lambda b=backend, f=feeds: b.run(f))  # type: ignore[misc]
        kind = "int8" if split_name(path)[1] == "int8" else "fp32"
        macs, size = int(files[path.name]["macs"]), (folder / path.name).stat().st_size
        stages.append(Stage(name=name, kind=kind, macs=macs, moved=size, ms=ms))
    return stages


def pictures(source: Source, folder: Path) -> list[Stage]:
    """Time what is no network: decoding, mouths, encoding."""
    frames, ms = _decoding(source.face)
    whole = WIDTH * HEIGHT * 3
    reader = VideoReader(source.face)
    to_bgr = least(lambda: reader.upright(frames[len(frames) // 2]))
    mouths = _planned(source, folder)
    areas, laid = [], 0.0
    for frame in mouths:
        own = frame.faces[0].own
        assert own is not None, "a face without its own mouth was kept"
        picture = frame.image_bgr.copy()
        region = own.lay_over(picture)
        areas.append(0 if region is None else region.size[0] * region.size[1])
        laid += least(lambda o=own, p=picture: o.lay_over(p), 5)  # type: ignore[misc]
    area = round(float(np.mean(areas)))
    images = [reader.upright(frame)[0] for frame in frames]
    return [
        Stage(name="decode", kind="fp32", macs=0, moved=whole // 2, ms=ms),
        Stage(name="to BGR, whole", kind="fp32", macs=0, moved=whole, ms=to_bgr),
        Stage(name="own mouth", kind="fp32", macs=CUBIC * area, moved=3 * area, ms=laid / len(mouths)),
        _selecting(),
        Stage(name="encode", kind="fp32", macs=0, moved=whole // 2, ms=_encoding(images, folder / "e.mp4")),
    ]


def _decoding(clip: Path) -> tuple[list[Any], float]:
    with opened(clip) as container:
        began = time.process_time()
        stored = decoded(container, video_stream(container, clip))
        frames = [frame for frame, _ in zip(stored, range(50), strict=False)]
        return frames, 1000 * (time.process_time() - began) / len(frames)


def _encoding(images: Sequence[Any], out: Path) -> float:
    """Return the processor time of the writer, ms a frame, the conversion from BGR included."""
    began = time.process_time()
    with VideoWriter(out, VideoFormat(width=WIDTH, height=HEIGHT, fps=FPS, time_base=1 / FPS)) as writer:
        for i, image in enumerate(images):
            writer.write(image, Fraction(i) / FPS)
    return 1000 * (time.process_time() - began) / len(images)


def _planned(source: Source, folder: Path) -> list[Frame]:
    """Return frames of a run whose own mouths are planned, every fifth of them."""
    engine = le.load(preset=PRESET)
    seen: list[Frame] = []
    render = engine.renderer.render

    def noting(frames: Sequence[Frame], *rest: Any) -> list[Rendered]:
        seen.extend(frames)
        return render(frames, *rest)

    engine.renderer.render = noting  # type: ignore[method-assign,assignment]
    engine.run(source.face, source.audio, folder / "planned.mp4")
    return [frame for frame in seen[::5] if frame.faces and frame.faces[0].own is not None]


def _selecting() -> Stage:
    """Time a step of the choice among a full library's exemplars."""
    from lipsync_edge.render.exemplars.look import Look

    rng = np.random.default_rng(0)

    def look() -> Look:
        shape, pose, cheek, thumb, rim = (rng.random(n, np.float32) for n in (3, 3, 3, 720, 60))
        return Look(shape, pose, cheek, 10.0, thumb, rim, -1.0, 1.0)

    looks = [look() for _ in range(EXEMPLARS)]
    selector, asked = Selector(Bank.of(list(range(EXEMPLARS)), looks), 4), np.full(3, 0.1, np.float32)
    ms = least(lambda: selector.push(looks[0], asked))
    ways = EXEMPLARS**2
    return Stage(name="choose an exemplar", kind="fp32", macs=ways, moved=4 * ways, ms=ms)


def stated(stage: Stage, peak: dict[str, float]) -> dict[str, Any]:
    """Return a stage's row: with its least time, and how near it comes to it."""
    computed, moved = stage.macs / peak[stage.kind] / 1e6, stage.moved / peak["copy"] / 1e6
    floor = max(computed, moved)
    near = round(floor / stage.ms, 3)
    return {**asdict(stage), "ms": round(stage.ms, 3), "least_ms": round(floor, 3), "near": near}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the roofline."""
    add_source_options(parser, seconds=3.0)


def main(options: argparse.Namespace) -> None:
    """Measure the peaks and the stages, write, print."""
    origin, load = rows.stated(), load_now()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        peak = peaks(folder)
        stages = [stated(stage, peak) for stage in (*networks(), *pictures(source, folder))]
    found = {**origin, "load": load, "face": source.said, "peaks": peak, "stages": stages}
    rows.write(options.results, "roofline", found)
    print(f"peaks of one thread: {peak}")
    for row in stages:
        print(
            f"{row['name']:20} {row['least_ms']:8.3f} of {row['ms']:8.3f} ms: {100 * row['near']:5.1f} %  {row['kind']}"
        )
