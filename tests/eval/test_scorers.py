"""SyncNet and FID from files to figures: with stand-ins that can be followed by hand, and with the published shape."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.eval.metrics import fid, syncnet
from lipsync_edge.eval.metrics.syncnet import FPS, RATE

onnx = pytest.importorskip("onnx")
PER_FRAME = RATE // FPS


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness changes from frame to frame."""
    draws = np.random.default_rng(seed)
    loud = np.repeat(10 ** draws.uniform(-2.5, -0.5, round(seconds * FPS)), PER_FRAME)
    return (loud * draws.uniform(-1, 1, len(loud))).astype(np.float32)


def levels(samples: np.ndarray) -> np.ndarray:
    """Loudness of each frame, 0…255."""
    power = np.sqrt((samples.reshape(-1, PER_FRAME) ** 2).mean(1))
    return np.clip((np.log10(power) + 3) / 3 * 255, 0, 255)


def hears(windows: np.ndarray) -> np.ndarray:
    """Five loudnesses out of MFCC windows (B, 1, 13, 20): the first coefficient is the log energy."""
    return standard(windows[:, 0, 0].reshape(-1, 5, 4).mean(2))


def sees(windows: np.ndarray) -> np.ndarray:
    """Five brightnesses out of lip windows (B, 3, 5, 224, 224)."""
    return standard(windows.mean((1, 3, 4)))


def standard(codes: np.ndarray) -> np.ndarray:
    codes = codes - codes.mean(1, keepdims=True)
    return (codes / (np.linalg.norm(codes, axis=1, keepdims=True) + 1e-6)).astype(np.float32)


@pytest.mark.parametrize("k", [-6, -1, 0, 2, 9])
def test_a_sound_moved_by_k_frames_is_found_through_the_real_features(k):
    whole = voice(5.0)
    faces = [np.full((224, 224, 3), level, np.uint8) for level in levels(whole)[20:90]]
    # what fits a picture lies k frames before it
    samples = whole[(20 + k) * PER_FRAME : (90 + k) * PER_FRAME]
    found = syncnet.sync_score(faces, samples, hears, sees)
    wrong = syncnet.sync_score(faces, voice(2.8, seed=1), hears, sees)
    assert found.offset == k
    assert found.lse_d < wrong.lse_d
    assert found.lse_c > wrong.lse_c


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """SyncNet v2 of the published shape with the numbers that the golden vectors were made of, converted."""
    pytest.importorskip("torch")
    from export.__main__ import main
    from tests.golden.checkpoints import write_checkpoint

    folder = tmp_path_factory.mktemp("syncnet")
    pth = write_checkpoint("syncnet_v2", folder / "syncnet_v2.model")
    assert main(["convert", "syncnet_v2", str(pth), "-o", str(folder)]) == 0
    return folder


def test_the_converted_scorer_gives_the_golden_embeddings(published):
    from tests.golden.checkpoints import golden, plain_inputs

    audio, lip = syncnet.load_syncnet(published)
    inputs, want = plain_inputs("syncnet_v2"), golden("syncnet_v2")
    for branch, name, code in ((audio, "mfcc", "audio"), (lip, "lip", "lip")):
        got = branch(inputs[name])
        assert np.abs(got - want[code]).max() <= 1e-4 * np.abs(want[code]).max()
    faces = [np.full((224, 224, 3), level, np.uint8) for level in levels(voice(0.4))]
    assert np.isfinite(syncnet.sync_score(faces, voice(0.4), audio, lip).lse_d)
    assert syncnet.load_syncnet(published / "none") is None


@pytest.fixture(scope="module")
def inception(tmp_path_factory) -> Path:
    """A stand-in with Inception's contract whose features are the mean and the peak of every channel."""
    make = onnx.helper
    graph = make.make_graph(
        [
            make.make_node("GlobalAveragePool", ["image"], ["mean"]),
            make.make_node("GlobalMaxPool", ["image"], ["peak"]),
            make.make_node("Concat", ["mean", "peak"], ["both"], axis=1),
            make.make_node("Flatten", ["both"], ["features"]),
        ],
        "stand_in",
        [make.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["n", 3, 299, 299])],
        [make.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", 6])],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    path = tmp_path_factory.mktemp("fid") / "inception.onnx"
    onnx.save(model, str(path))
    return path


def faces(seed: int, shade: float = 0.0) -> list[np.ndarray]:
    draws = np.random.default_rng(seed)
    tones = draws.uniform(60, 140, (12, 1, 1, 3)) + shade
    return [
        np.clip(tone + draws.uniform(-9, 9, (40 + i, 50, 3)), 0, 255).astype(np.uint8)
        for i, tone in enumerate(tones)
    ]


def test_inception_gets_rgb_from_minus_one_to_one(inception):
    blue = np.zeros((20, 30, 3), np.uint8)
    blue[:, :, 0] = 255
    got = fid.features(fid.open_inception(inception), [blue])
    assert got.tolist() == [[-1, -1, 1, -1, -1, 1]]


def test_fid_is_nothing_for_equal_faces_and_the_same_from_either_side(inception):
    network = fid.open_inception(inception)
    one, other, far = (fid.features(network, faces(*which)) for which in ((0,), (1,), (1, 60.0)))
    assert fid.frechet(one, one) == pytest.approx(0, abs=1e-9)
    assert fid.frechet(one, other) == pytest.approx(fid.frechet(other, one), rel=1e-6)
    assert fid.frechet(one, one[::-1]) == pytest.approx(0, abs=1e-9)
    assert fid.frechet(one, far) > 5 * fid.frechet(one, other) > 0
