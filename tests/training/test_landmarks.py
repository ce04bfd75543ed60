"""Training of the landmark network: views whose points lie where they are drawn; it learns and exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
cv2 = pytest.importorskip("cv2")

from lipsync_edge.face import landmarks as runtime  # noqa: E402
from lipsync_edge.models.spec import load_spec  # noqa: E402
from training.fit import Plan, fit  # noqa: E402
from training.landmarks import augment, points, train  # noqa: E402
from training.landmarks.network import LandmarkNet  # noqa: E402


def stored_face(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A stored crop whose points are white dots on black, in a face-like place."""
    template = np.array([(0.33, 0.27), (0.67, 0.27), (0.5, 0.455), (0.375, 0.63), (0.625, 0.63)]) * 144 + 40
    where = np.zeros((points.COUNT, 3), np.float32)
    where[:, :2] = rng.uniform(80, 150, (points.COUNT, 2))
    rows = [points.VERTICES.index(v) for v in (33, 133, 362, 263, 1, 61, 291)]
    where[rows, :2] = template[[0, 0, 1, 1, 2, 3, 4]]
    image = np.zeros((224, 224, 3), np.uint8)
    for x, y in where[:, :2]:
        cv2.circle(image, (round(float(x)), round(float(y))), 2, (255, 255, 255), -1)
    where[:, :2] = np.round(where[:, :2])
    return image, where


def test_the_points_of_a_view_lie_where_the_dots_went() -> None:
    rng = np.random.default_rng(0)
    image, where = stored_face(rng)
    for _ in range(40):  # with and without mirror and warp
        view, moved, _ = augment.geometry(rng, image, where, np.zeros(3, np.float32), 0.3)
        inside = moved[((moved[:, :2] > 2) & (moved[:, :2] < 125)).all(1), :2]
        seen = cv2.remap(view[..., 0], inside[None, :, 0], inside[None, :, 1], cv2.INTER_LINEAR)
        assert len(inside) > 60
        assert np.percentile(seen, 5) > 128


def lipped_face() -> tuple[np.ndarray, np.ndarray]:
    """A stored crop whose lips are two rings of white dots round a gap, above a chin of dots, on black."""
    image, where = stored_face(np.random.default_rng(0))
    image[:] = 0
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for first, width, height in ((0, 30, 16), (20, 26, 6)):
        where[first : first + 20, 0] = np.round(112 - width * np.cos(turn))
        where[first : first + 20, 1] = np.round(131 + height * np.sin(turn))
    where[40:, :2] = np.round(np.random.default_rng(1).uniform((85, 160), (140, 175), (38, 2)))
    rows = [points.VERTICES.index(v) for v in (33, 133, 362, 263, 1)]
    where[rows, :2] = np.array([(87, 79), (87, 79), (136, 79), (136, 79), (112, 105)])
    for x, y in where[:, :2]:
        cv2.circle(image, (int(x), int(y)), 2, (255, 255, 255), -1)
    return image, where


def test_an_opened_mouth_has_its_points_where_the_lips_went(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "paint_inside", lambda rng, gape, image, *rest: image)
    image, where = lipped_face()
    opened = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        view, moved, _ = augment.geometry(rng, image, where, np.zeros(3, np.float32), 1.0)
        # dots on the rim of the gap may be stretched away
        outside = np.concatenate([moved[:20, :2], moved[40:, :2]])
        seen = cv2.remap(view[..., 0], outside[None, :, 0], outside[None, :, 1], cv2.INTER_LINEAR)
        assert np.percentile(seen, 10) > 100
        lower, upper = moved[list(range(24, 27)), 1], moved[[36, 35, 34], 1]
        assert (lower >= upper - 1e-3).all()
        opened.append(float((lower - upper).mean()))
    assert min(opened) < 4
    assert max(opened) > 16


def test_a_mirrored_mesh_is_the_face_seen_in_a_mirror() -> None:
    order = points.mirrored_order()
    assert (order[order] == np.arange(points.COUNT)).all()
    assert order[runtime.CHIN] == runtime.CHIN
    assert order[runtime.MOUTH_CORNERS[0]] == runtime.MOUTH_CORNERS[1]
    assert [points.VERTICES[i] for i in runtime.LOWER_INNER] == [87, 14, 317]
    assert [points.VERTICES[i] for i in runtime.UPPER_INNER] == [82, 13, 312]
    assert points.COUNT == runtime.COUNT


def test_pose_of_a_turned_canonical_head() -> None:
    rng = np.random.default_rng(1)
    canonical = rng.normal(0, 1, (468, 3))
    yaw, pitch, roll = np.radians([25.0, -10.0, 5.0])
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    mesh = 80 * canonical @ (about_z @ about_y @ about_x).T + np.array([300, 200, 0])
    np.testing.assert_allclose(points.head_pose(mesh, canonical), [25, -10, 5], atol=1e-3)


def test_it_learns_and_exports(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    faces = [stored_face(rng) for _ in range(2)]
    store = train.Store(
        np.stack([image for image, _ in faces]),
        np.stack([where for _, where in faces]),
        np.zeros((2, 3), np.float32),
        np.full(2, 0.5),
    )
    seen: list[float] = []
    loss = train.LandmarkLoss(store, size=8)

    def watched(net: torch.nn.Module) -> dict[str, torch.Tensor]:
        terms = loss(net)
        seen.append(float(terms["points"].detach()))
        return terms

    net = LandmarkNet()
    assert sum(p.numel() for p in net.parameters()) <= 400_000
    mean = fit(net, watched, Plan(minutes=5, rate=4e-3, steps=60, warmup=4), tmp_path)
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:5])
    worst = train.write(mean, tmp_path / "net.onnx")  # type: ignore[arg-type]
    assert max(worst.values()) <= load_spec("edge_landmarks").atol
