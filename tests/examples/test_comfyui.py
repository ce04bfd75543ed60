"""The ComfyUI node, called as ComfyUI calls it: by its mappings, with torch's tensors, on the bundled networks."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from lipsync_edge.demo import demo_files
from lipsync_edge.errors import LipsyncError

torch = pytest.importorskip("torch")
NODE = Path(__file__).parents[2] / "examples" / "comfyui"
SIDE, FPS = 256, 25.0
MOUTH = (slice(140, 200), slice(95, 160))  # of the demo's face at that size


@pytest.fixture(scope="module")
def package() -> Iterator[ModuleType]:
    """The folder as ComfyUI imports what lies in custom_nodes: by its path, under a name of its own."""
    spec = importlib.util.spec_from_file_location(
        "custom_nodes_lipsync_edge", NODE / "__init__.py", submodule_search_locations=[str(NODE)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.startswith(spec.name)]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def node(package: ModuleType) -> Any:
    return package.NODE_CLASS_MAPPINGS["LipSyncEdge"]()


@pytest.fixture(scope="module")
def picture() -> Any:
    """The demo's face, float32 (H, W, 3), RGB, with numbers between those of 8 bits."""
    image = cv2.resize(cv2.imread(str(demo_files()[0])), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(image[..., ::-1].astype(np.float32) / 255) * 0.9993


@pytest.fixture(scope="module")
def speech() -> dict[str, Any]:
    """Two seconds of the demo's speech, as ComfyUI's audio nodes give sound."""
    wave, rate = soundfile.read(str(demo_files()[1]), dtype="float32")
    return {"waveform": torch.from_numpy(wave[: 2 * rate])[None, None], "sample_rate": rate}


def call(node: Any, images: Any, audio: dict[str, Any], **given: Any) -> Any:
    """Call the node with every input that it names, its defaults where nothing is given, as ComfyUI does."""
    inputs = type(node).INPUT_TYPES()["required"]
    values = {name: about[1]["default"] for name, about in inputs.items() if len(about) > 1}
    (result,) = getattr(node, type(node).FUNCTION)(images=images, audio=audio, **(values | given))
    return result


def moved(result: Any, image: Any) -> np.ndarray:
    """How far the mouth of each frame is from the picture's, in grey levels."""
    return (result - image).abs()[:, MOUTH[0], MOUTH[1]].mean((1, 2, 3)).numpy() * 255


def test_the_mappings_say_what_comfyui_needs(package: ModuleType) -> None:
    assert set(package.NODE_CLASS_MAPPINGS) == set(package.NODE_DISPLAY_NAME_MAPPINGS)
    kind = package.NODE_CLASS_MAPPINGS["LipSyncEdge"]
    inputs = kind.INPUT_TYPES()["required"]
    assert list(inputs) == ["images", "audio", "preset", "face", "mouth", "strength", "fps", "loop"]
    assert (inputs["images"][0], inputs["audio"][0]) == ("IMAGE", "AUDIO")
    assert all(about[1]["default"] in about[0] for about in inputs.values() if isinstance(about[0], list))
    assert kind.RETURN_TYPES == ("IMAGE",)
    assert callable(getattr(kind, kind.FUNCTION))


def test_a_photo_speaks_with_speech_and_rests_in_silence(
    node: Any, picture: Any, speech: dict[str, Any]
) -> None:
    spoken = call(node, picture[None], speech)
    assert spoken.shape == (50, SIDE, SIDE, 3)
    assert spoken.dtype == torch.float32
    assert 0 <= float(spoken.min()) <= float(spoken.max()) <= 1
    silence = speech | {"waveform": torch.zeros_like(speech["waveform"])}
    silent = call(node, picture[None], silence)
    assert silent.shape == spoken.shape
    speaks, rests = np.std(moved(spoken, picture)), np.std(moved(silent, picture))
    print(f"the mouth varies by {speaks:.3f} grey levels with speech, by {rests:.3f} in silence")
    assert speaks > 0.5
    assert speaks > 10 * rests


def test_another_sound_moves_the_mouth_otherwise(node: Any, picture: Any, speech: dict[str, Any]) -> None:
    """The control: the same speech gives the same mouth, its end first another one."""
    first, again = (moved(call(node, picture[None], speech), picture) for _ in range(2))
    turned = moved(call(node, picture[None], speech | {"waveform": speech["waveform"].flip(-1)}), picture)
    assert np.array_equal(first, again)
    assert np.corrcoef(first, turned)[0, 1] < 0.6
    assert np.corrcoef(first, turned[::-1])[0, 1] > np.corrcoef(first, turned)[0, 1]


def test_what_the_mouth_leaves_alone_is_what_came_in(node: Any, picture: Any, speech: dict[str, Any]) -> None:
    spoken = call(node, picture[None], speech)
    same = (spoken == picture).all(-1)
    assert same[:, : SIDE // 3].all()
    assert same.float().mean() > 0.7


@pytest.mark.parametrize(("loop", "count"), [("pingpong", 50), ("repeat", 50), ("hold", 50), ("cut", 8)])
def test_a_film_goes_on_as_it_is_told(
    node: Any, picture: Any, speech: dict[str, Any], loop: str, count: int
) -> None:
    """Frames that are told apart by a stripe at the top, which no mouth touches."""
    film = picture.repeat(8, 1, 1, 1)
    film[:, :8] = torch.arange(8)[:, None, None, None] / 10
    spoken = call(node, film, speech, loop=loop)
    shown = (spoken[:, 0, 0, 0] * 10).round().int().tolist()
    expected = {
        "pingpong": [(*range(8), *range(6, 0, -1))[i % 14] for i in range(50)],
        "repeat": [i % 8 for i in range(50)],
        "hold": [min(i, 7) for i in range(50)],
        "cut": list(range(8)),
    }
    assert len(shown) == count
    assert shown == expected[loop]


@pytest.mark.parametrize("fps", [24.0, 23.976, 29.97, 60.0])
def test_the_rate_decides_how_many_there_are(
    node: Any, picture: Any, speech: dict[str, Any], fps: float
) -> None:
    film = picture[:-1, :-3].repeat(3, 1, 1, 1)  # of an odd size
    spoken = call(node, film, speech, fps=fps)
    assert abs(len(spoken) - 2 * fps) <= 1
    assert spoken.shape[1:] == (SIDE - 1, SIDE - 3, 3)


def test_sounds_of_two_channels_and_other_rates(node: Any, picture: Any, speech: dict[str, Any]) -> None:
    wave = speech["waveform"].repeat_interleave(2, -1).repeat(1, 2, 1)
    spoken = call(node, picture[None], {"waveform": wave, "sample_rate": speech["sample_rate"] * 2})
    plain = moved(call(node, picture[None], speech), picture)
    assert np.corrcoef(moved(spoken, picture), plain)[0, 1] > 0.95


def test_what_cannot_be_done_says_so(node: Any, picture: Any, speech: dict[str, Any]) -> None:
    with pytest.raises(LipsyncError, match="waveform"):
        call(node, picture[None], speech | {"waveform": speech["waveform"].repeat(2, 1, 1)})
    with pytest.raises(LipsyncError, match="face"):
        call(node, torch.full((1, SIDE, SIDE, 3), 0.5), speech)
