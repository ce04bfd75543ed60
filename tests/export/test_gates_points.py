"""The gate of a landmark network: points that drift, a mouth that opens less and a head that turns are refused."""

from __future__ import annotations

import numpy as np
import pytest

from export.catalogue import evaluate_gate
from export.gates import Verdict
from lipsync_edge.face.landmarks import LEFT_EYE_CORNERS, LOWER_INNER, RIGHT_EYE_CORNERS, UPPER_INNER
from lipsync_edge.models.spec import load_spec

Arrays = dict[str, np.ndarray]


@pytest.fixture
def face() -> Arrays:
    rng = np.random.default_rng(0)
    points = rng.uniform(0.2, 0.8, (1, 78, 3)).astype(np.float32)
    points[0, list(LEFT_EYE_CORNERS)], points[0, list(RIGHT_EYE_CORNERS)] = (0.3, 0.3, 0), (0.7, 0.3, 0)
    points[0, list(UPPER_INNER)], points[0, list(LOWER_INNER)] = (0.5, 0.6, 0), (0.5, 0.7, 0)
    return {"points": points, "pose": np.zeros((1, 3), np.float32), "visible": np.ones(1, np.float32)}


def verdict(face: Arrays, **changed: np.ndarray) -> Verdict:
    return evaluate_gate(load_spec("edge_landmarks"), "int8", [{}], [face], [{**face, **changed}])


def test_the_same_points_pass(face: Arrays) -> None:
    assert verdict(face).passed
    assert verdict(face).figures["points_kept"] == 1


def test_points_that_drift_are_refused(face: Arrays) -> None:
    drifted = verdict(face, points=face["points"] + np.array([0.006, 0, 0], np.float32))
    assert drifted.figures["points_kept"] == pytest.approx(1 - 0.006 / 0.4, abs=1e-4)
    assert drifted.figures["opening_off"] == pytest.approx(0, abs=1e-6)
    assert not drifted.passed


def test_a_mouth_that_opens_less_is_refused_though_its_points_are_near(face: Arrays) -> None:
    points = face["points"].copy()
    points[0, list(LOWER_INNER), 1] -= 0.01
    shy = verdict(face, points=points)
    assert shy.figures["opening_off"] == pytest.approx(0.01 / 0.4, abs=1e-4)
    assert shy.figures["points_kept"] > load_spec("edge_landmarks").gate.int8
    assert not shy.passed


def test_a_head_that_turns_is_refused(face: Arrays) -> None:
    assert not verdict(face, pose=np.array([[4, 0, 0]], np.float32)).passed
