"""Each small network learns from a few drawn samples in a few steps, resumes and exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
cv2 = pytest.importorskip("cv2")

from lipsync_edge.models.spec import load_spec  # noqa: E402
from training.data.sources import Face  # noqa: E402
from training.detector import train as detect  # noqa: E402
from training.detector.network import DetectNet  # noqa: E402
from training.enhancer import train as enhance  # noqa: E402
from training.enhancer.network import EnhanceNet  # noqa: E402
from training.evaluate.curves import read_log  # noqa: E402
from training.fit import Plan, fit  # noqa: E402
from training.segmenter import train as segment  # noqa: E402
from training.segmenter.network import SegmentNet  # noqa: E402
from training.segmenter.regions import INNER_LIPS, LOWER_FACE, OUTER_LIPS, region_maps  # noqa: E402


def ring(rng: np.random.Generator, side: int) -> np.ndarray:
    """468 made-up mesh points: the polygons on nested ellipses, the others strewn inside."""
    angle = rng.uniform(0, 2 * np.pi, 468)
    points = 0.5 + np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0, 0.3, (468, 1))
    for polygon, low, radius in ((LOWER_FACE, 0.5, 0.3), (OUTER_LIPS, 0.65, 0.1), (INNER_LIPS, 0.65, 0.05)):
        turn = np.linspace(0, 2 * np.pi, len(polygon), endpoint=False)
        points[polygon] = [0.5, low] + np.stack([np.cos(turn), np.sin(turn) * 0.8], 1) * radius
    return (points * side).astype(np.float32)


def drawn_face(rng: np.random.Generator, side: int) -> Face:
    """A skin-coloured disc with a red mouth."""
    image = rng.integers(0, 80, (side, side, 3)).astype(np.uint8)
    points = ring(rng, side)
    cv2.fillPoly(image, [points[LOWER_FACE].astype(np.int32)], (120, 150, 200))
    cv2.fillPoly(image, [points[OUTER_LIPS].astype(np.int32)], (60, 60, 180))
    return Face(image, points, held_out=False)


def falls(net: torch.nn.Module, loss: object, folder: Path, steps: int) -> torch.nn.Module:
    """Train a few steps; the mean loss of the last five must lie clearly under that of the first five."""
    seen: list[float] = []

    def watched(network: torch.nn.Module) -> dict[str, torch.Tensor]:
        terms = loss(network)  # type: ignore[operator]
        seen.append(float(sum(t.detach() for t in terms.values())))
        return terms

    mean = fit(net, watched, Plan(minutes=5, rate=4e-3, steps=steps, warmup=4), folder)
    assert np.mean(seen[-5:]) < 0.9 * np.mean(seen[:5])
    fit(net, watched, Plan(minutes=5, rate=4e-3, steps=steps + 2, warmup=4), folder)
    assert len(seen) == steps + 2  # it went on where it had stopped
    return mean


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def test_detect_learns_and_exports(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    loss = detect.DetectLoss([drawn_face(rng, 96) for _ in range(3)], pool=8, renew=1)
    net = falls(DetectNet((8, 8, 8, 8, 8, 8)), loss, tmp_path, 60)
    worst = detect.write(net, tmp_path / "net.onnx")  # type: ignore[arg-type]
    assert max(worst.values()) <= load_spec("edge_detect").atol


def test_segment_learns_and_exports(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = [drawn_face(rng, 128) for _ in range(4)]

    class Pool:
        """Two fixed crops."""

        def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            face = faces[int(rng.integers(len(faces)))]
            return face.image_bgr, region_maps(face.points)

    loss = segment.SegmentLoss(Pool(), size=4)  # type: ignore[arg-type]
    net = falls(SegmentNet((8, 8, 8, 8)), loss, tmp_path, 20)
    worst = segment.write(net, tmp_path / "net.onnx")  # type: ignore[arg-type]
    assert max(worst.values()) <= load_spec("edge_segment").atol


def test_enhance_learns_and_exports(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    crops = np.stack([cv2.resize(drawn_face(rng, 64).image_bgr, (256, 256)) for _ in range(2)])
    crops[:, ::16] = 255  # sharp lines that a plain enlargement blurs
    crops[:, :, ::16] = 255

    def loss(network: torch.nn.Module) -> dict[str, torch.Tensor]:  # the same batch every time
        return enhance.EnhanceLoss(crops, size=4, side=64, seed=0)(network)

    net = falls(EnhanceNet(16, 2), loss, tmp_path, 60)
    worst = enhance.write(net, tmp_path / "net.onnx")  # type: ignore[arg-type]
    assert max(worst.values()) <= load_spec("edge_enhance").atol


def test_region_maps_share_out_every_cell() -> None:
    maps = region_maps(ring(np.random.default_rng(0), 128))
    np.testing.assert_allclose(maps.sum(0), 1, atol=1e-6)
    assert maps.min() >= 0
    assert maps[3].sum() == pytest.approx(np.pi * 0.05 * 0.04 * 64**2, rel=0.12)  # the inner ellipse's area


def test_curves_join_cycles_and_count_repeated_steps_once(tmp_path: Path) -> None:
    rows = [(100, 1.0), (200, 0.9), (300, 0.8), (250, 0.85), (350, 0.7), (100, 0.6), (200, 0.5)]
    (tmp_path / "log.jsonl").write_text(
        "\n".join(json.dumps({"step": step, "loss": loss, "seconds": 0.0}) for step, loss in rows)
    )
    log = read_log(tmp_path)
    assert log["step"] == [100, 200, 250, 350, 450, 550]
    assert log["loss"] == [1.0, 0.9, 0.85, 0.7, 0.6, 0.5]
