"""The published architectures learn from drawn faces, and `convert` takes what is saved."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
cv2 = pytest.importorskip("cv2")

from export.__main__ import main  # noqa: E402
from export.networks import BiSeNet, S3fd, Wav2Lip  # noqa: E402
from training.data.sources import Face  # noqa: E402
from training.detector.scenes import OVAL  # noqa: E402
from training.fitted.generator import GeneratorLoss, Talking  # noqa: E402
from training.fitted.parsing_maps import (  # noqa: E402
    BROW_LINES,
    DRAWN,
    EYE_LINES,
    LOWER_LINE,
    NOSE_LINE,
    UPPER_LINE,
    augmented,
    class_map,
    plain,
)
from training.fitted.published import (  # noqa: E402
    FaceLoss,
    ParseLoss,
    Stage,
    fitted,
    with_norms,
    without_norms,
)
from training.segmenter.regions import INNER_LIPS, OUTER_LIPS  # noqa: E402


def mesh(side: int) -> np.ndarray:
    """468 points in pixels: every line that is drawn on an ellipse of its own, the rest in the middle."""
    points = np.full((468, 2), 0.5)
    ellipses = [(OVAL, (0.5, 0.5), (0.32, 0.4)), (NOSE_LINE, (0.5, 0.5), (0.07, 0.09))]
    for lines, y, height in ((BROW_LINES, 0.3, 0.02), (EYE_LINES, 0.38, 0.03)):
        ellipses += [(line, (x, y), (0.08, height)) for line, x in zip(lines, (0.35, 0.65), strict=True)]
    ellipses += [(OUTER_LIPS, (0.5, 0.72), (0.12, 0.07)), (INNER_LIPS, (0.5, 0.72), (0.08, 0.03))]
    for line, centre, radii in ellipses:
        turn = np.pi + np.linspace(0, -2 * np.pi, len(line), endpoint=False)
        points[line] = centre + np.stack([np.cos(turn), np.sin(turn)], 1) * radii
    return (points * side).astype(np.float32)


def drawn_face(rng: np.random.Generator, side: int = 96) -> Face:
    """Every class in its own colour."""
    points = mesh(side)
    colours = np.random.default_rng(5).integers(60, 255, (19, 3))
    colours[0] = rng.integers(0, 60, 3)
    return Face(colours[class_map(points, side)].astype(np.uint8), points, held_out=False)


def learns(loss: object, net: torch.nn.Module, steps: int) -> None:
    """The first term, averaged over three steps, falls to well under what it began with."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    seen = []
    for _ in range(steps):
        terms = loss(net.train())  # type: ignore[operator]
        optimiser.zero_grad()
        sum(terms.values()).backward()
        optimiser.step()
        seen.append(next(iter(terms.values())).item())
    assert np.mean(seen[-3:]) < 0.75 * np.mean(seen[:3])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def test_class_map_draws_every_class_where_it_is() -> None:
    classes = class_map(mesh(200), 200)
    assert set(np.unique(classes)) == set(DRAWN)
    assert (classes[76, 70], classes[76, 130]) == (4, 5)  # the pair's left one in the picture comes first
    assert (classes[144, 100], classes[134, 100], classes[154, 100]) == (11, 12, 13)
    assert (classes[100, 100], classes[100, 45], classes[2, 2]) == (10, 1, 0)
    mirrored = class_map(mesh(200) * (-1, 1) + (199, 0), 200)
    assert (mirrored[76, 70], mirrored[76, 130]) == (4, 5)
    for line, row in ((UPPER_LINE, 0), (LOWER_LINE, 1)):
        assert len(set(line)) == 22, row


def test_crops_and_classes_agree() -> None:
    face = drawn_face(np.random.default_rng(0))
    cut = plain(face, 64)
    assert cut.crop_bgr.shape == (64, 64, 3)
    assert cut.classes.shape == (64, 64)
    skin = face.image_bgr[class_map(face.points, 96) == 1][0]
    inside = cv2.erode((cut.classes == 1).astype(np.uint8), np.ones((7, 7))) > 0
    assert (np.abs(cut.crop_bgr[inside].astype(int) - skin) <= 2).all()
    made = augmented(np.random.default_rng(1), face, 64)
    assert made.crop_bgr.shape == (64, 64, 3)
    assert set(np.unique(made.classes)) <= set(DRAWN)


def test_parser_learns() -> None:
    rng = np.random.default_rng(0)
    learns(ParseLoss([drawn_face(rng) for _ in range(3)], Stage(64, 4, 1.0, 2e-3)), BiSeNet(), 16)


def test_detector_learns() -> None:
    rng = np.random.default_rng(0)
    loss = FaceLoss([drawn_face(rng) for _ in range(3)], Stage(64, 4, 1.0, 1e-3), pool=8)
    learns(loss, with_norms(S3fd()), 9)


def test_norms_fold_into_the_convolutions() -> None:
    net = with_norms(S3fd())
    x = torch.rand(2, 3, 64, 64) * 255 - 120
    net.train()(x)  # moves the running statistics away from their start
    want = net.eval()(x)
    got = without_norms(net)(x)
    for a, b in zip(got, want, strict=True):
        assert (a - b).abs().max() < 1e-4 * (b.max() - b.min())


@pytest.mark.parametrize("name", ["bisenet", "s3fd"])
def test_convert_takes_the_checkpoint(name: str, tmp_path: Path) -> None:
    """One step is enough for the keys."""
    faces = [drawn_face(np.random.default_rng(0))]
    stages = (Stage(64, 2, 1.0, 1e-3),)
    net = fitted(name, faces, stages, minutes=1, folder=tmp_path, steps=1)
    torch.save(net.state_dict(), tmp_path / f"{name}.pth")
    assert main(["convert", "auto", str(tmp_path / f"{name}.pth"), "-o", str(tmp_path / "models")]) == 0
    assert (tmp_path / "models" / f"{name}.fp32.onnx").is_file()


def talking(folder: Path, clips: int = 2, frames: int = 12) -> Talking:
    """Clips whose lower half is as bright as their sound is high; one frame's label is not to be trusted."""
    for i in range(clips):
        seconds = np.arange(16_000) / 16_000
        with wave.open(str(folder / f"{i}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes((np.sin(2 * np.pi * 300 * (i + 1) * seconds) * 9000).astype("<i2").tobytes())
    crops = np.full((clips * frames, 160, 160, 3), 60, np.uint8)
    crops[:, 80:] = np.repeat([90, 200], frames)[:, None, None, None]
    np.save(folder / "train_crops.npy", crops)
    score = np.ones(clips * frames)
    score[0] = 0.1
    np.savez(
        folder / "train.npz",
        score=score,
        clip=np.repeat(np.arange(clips), frames),
        time=np.tile(np.arange(frames) / 25, clips),
        paths=np.array([f"{i}.wav" for i in range(clips)]),
    )
    return Talking(folder, folder, "train", 0)


def test_generator_sees_the_upper_half_another_frame_and_the_sound(tmp_path: Path) -> None:
    mel, face, real = talking(tmp_path).batch(3)
    assert mel.shape == (3, 1, 80, 16)
    assert face.shape == (3, 6, 96, 96)
    assert real.shape == (3, 3, 96, 96)
    assert (face[:, :3, 48:] == 0).all()
    assert torch.equal(face[:, :3, :48], real[:, :, :48])
    assert torch.equal(face[:, 3:], real)  # the other frame of the clip looks the same
    assert float(mel.min()) >= -4
    assert float(mel.max()) <= 4


def test_generator_learns(tmp_path: Path) -> None:
    learns(GeneratorLoss(talking(tmp_path), 4), Wav2Lip(), 16)
