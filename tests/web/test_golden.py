"""The page's golden files say what the package makes now; where they do not, the page must follow."""

from __future__ import annotations

import json
import runpy
import zlib
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import lipsync_edge as le
from lipsync_edge.audio.vad import VadOptions
from lipsync_edge.render import renderer as renderer_module
from lipsync_edge.render.exemplars.asked import Articulation
from lipsync_edge.render.exemplars.sequence import Own, StillPlanner
from lipsync_edge.types import F32, U8

WEB = Path(__file__).resolve().parents[2] / "web"
GOLDEN = WEB / "tests" / "golden"
pytestmark = pytest.mark.skipif(not WEB.is_dir(), reason="the page's folder is not here")
ANEW = "port the change to web/src, then make them anew: python web/scripts/make_golden.py"
MOST_GREY_LEVELS = 2  # as the page's own tests have it


@cache
def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((GOLDEN / "golden.json").read_text())
    return facts


@cache
def _data() -> bytes:
    return zlib.decompress((GOLDEN / "golden.bin").read_bytes())


def _array(name: str) -> npt.NDArray[Any]:
    """Read a golden array."""
    about = _facts()["arrays"][name]
    count = int(np.prod(about["shape"]))
    return np.frombuffer(_data(), about["dtype"], count, about["at"]).reshape(about["shape"])


def _speech() -> npt.NDArray[np.int16]:
    sound, rate = soundfile.read(GOLDEN / "speech.wav", dtype="int16")
    assert rate == _facts()["rate"]
    return np.asarray(sound, np.int16)


@cache
def _script() -> dict[str, Any]:
    """What is defined in the script that makes the golden files."""
    return runpy.run_path(str(WEB / "scripts" / "make_golden.py"))


@pytest.fixture(scope="module")
def engine() -> le.Engine:
    return le.load(preset="lite", device="cpu", precision="int8")


def _heard(engine: le.Engine) -> tuple[F32, F32, F32]:
    """Gains, float32 (n,), coefficients, float32 (n, 8), and articulations, float32 (n, 2), of the speech."""
    renderer = engine.renderer
    assert renderer.encoder is not None
    features = renderer.listen(_facts()["rate"])
    features.push(_speech())
    features.end()
    count = len(_array("gains"))
    windows = [features.window(Fraction(index, _facts()["fps"])) for index in range(count)]
    coefficients, heard = renderer.encoder.hear([window.features for window in windows])
    said = [(one.tuck, one.tongue) for one in map(Articulation.of, heard)]
    return np.array([window.gain for window in windows], np.float32), coefficients, np.array(said, np.float32)


def test_sounds_and_turns_are_what_the_package_makes_of_them() -> None:
    script = _script()
    store = script["Store"]()
    script["_hearing"](store, _speech())
    script["_turning"](store)
    for name, about in store.where.items():
        made = np.frombuffer(store.data, about["dtype"], int(np.prod(about["shape"])), about["at"])
        assert np.allclose(made, _array(name).ravel(), atol=1e-5), f"{name}; {ANEW}"


def test_voices_are_heard_as_the_package_hears_them(
    engine: le.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gains, coefficients, said = _heard(engine)
    assert np.allclose(gains, _array("gains"), atol=1e-6), ANEW
    assert np.allclose(coefficients, _array("shut.coefficients"), atol=1e-3), ANEW
    assert np.allclose(said, _array("shut.articulation"), atol=0.02), ANEW
    monkeypatch.setattr(renderer_module, "VadOptions", partial(VadOptions, hangover_s=0.15))
    other, _, _ = _heard(engine)
    assert not np.allclose(other, gains, atol=1e-6), "the sound does not tell how long a pause is"


@pytest.mark.parametrize("name", ["shut", "open"])
def test_photos_speak_as_the_package_lets_them_speak(engine: le.Engine, name: str) -> None:
    renderer, facts = engine.renderer, _facts()["photos"][name]
    assert renderer.watcher is not None
    assert renderer.encoder is not None
    photo: U8 = np.asarray(cv2.imread(str(GOLDEN / f"{name}.png")), np.uint8)
    seen = renderer.watcher(photo, _array(f"{name}.five"))
    assert np.allclose(seen.target.face.shape, facts["shape"], atol=1e-3), ANEW
    planner = StillPlanner(to_shape=renderer.encoder.to_shape)
    wanted = _array(f"{name}.asked")
    said = [Articulation(*one) for one in _array(f"{name}.articulation").tolist()]
    for index, coefficients in enumerate(_array(f"{name}.coefficients")):
        (own,) = planner.push(seen, coefficients, said[index])
        assert isinstance(own, Own)
        assert np.allclose(own.plan.asked, wanted[index], atol=1e-3), f"frame {index}; {ANEW}"
        if index in facts["shown"]:
            _is_kept(own, photo, f"{name}.frame{index}", facts["region"])
        if index == facts["widest"] and name == "shut":
            _is_kept(_script()["turned"](own), photo, f"{name}.turned", facts["region"])


def _is_kept(own: Own, photo: U8, kept_as: str, region: list[int]) -> None:
    """Hold a mouth that is laid over a photo against the golden picture."""
    x1, y1, x2, y2 = region
    made = photo.copy()
    own.lay_over(made)
    kept = photo[y1:y2, x1:x2] + _array(kept_as)
    most = int(np.abs(made[y1:y2, x1:x2].astype(int) - kept.astype(int)).max())
    assert most <= MOST_GREY_LEVELS, f"{kept_as}: {most} grey levels; {ANEW}"
    made[y1:y2, x1:x2] = photo[y1:y2, x1:x2]
    assert np.array_equal(made, photo), f"{kept_as} changes elsewhere; {ANEW}"
