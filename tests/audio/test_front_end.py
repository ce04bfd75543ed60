"""The front end of the sound is the one that the spec names; an unknown name is refused when the network is loaded."""

from dataclasses import replace

import pytest

from lipsync_edge.audio.alignment import FeatureStream
from lipsync_edge.audio.front_end import FRONT_ENDS, front_end
from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import SPECS, AudioWindow, load_spec
from lipsync_edge.render.lips import Lips
from tests import fakes


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_known_one_is_opened_fresh(name: str) -> None:
    audio = AudioWindow(front_end=name)
    front = front_end(audio)
    assert front.open() is not front.open()
    assert FeatureStream(audio).audio is audio


def test_every_shipped_spec_names_a_known_one() -> None:
    specs = [load_spec(path.stem) for path in SPECS.glob("*.toml")]
    named = {spec.audio.front_end for spec in specs if spec.audio is not None}
    assert named
    assert named <= set(FRONT_ENDS)


def test_an_unknown_one_is_refused_by_name_when_the_network_is_loaded() -> None:
    network = fakes.warp_lips()
    assert network.spec.audio is not None
    audio = replace(network.spec.audio, front_end="whisper")
    with pytest.raises(ModelError, match=r"out of mel80; got 'whisper'"):
        FeatureStream(audio)
    with pytest.raises(ModelError, match=r"out of mel80; got 'whisper'"):
        Lips(Network(replace(network.spec, audio=audio), network.backend))
