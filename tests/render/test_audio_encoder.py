"""The bundled audio encoder on the demo's speech: the small file asks what the large one asks."""

from fractions import Fraction

import numpy as np

from lipsync_edge.audio.alignment import FeatureStream
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.audio.vad import VadOptions
from lipsync_edge.demo import demo_files
from lipsync_edge.models.network import load_network
from lipsync_edge.render.exemplars.asked import Articulation
from lipsync_edge.render.lips import AudioEncoder
from tests import fakes


def test_int8_asks_for_the_mouths_that_fp32_asks_for() -> None:
    """On real speech: windows that are mostly silence once let a file through that heard hardly anything."""
    fp32, int8 = (AudioEncoder(load_network("edge_voice", precision=name)) for name in ("fp32", "int8"))
    stream = FeatureStream(fp32.audio, vad=VadOptions(), blend=True)
    speech = read_audio(demo_files()[1])
    stream.push(speech)
    stream.end()
    times = [Fraction(i, 25) for i in range(int(len(speech) / 16_000 * 25))]
    windows = [stream.window(time).features for time in times]
    large, small = (encoder(windows) @ encoder.to_shape.T for encoder in (fp32, int8))
    for k, name in enumerate(("opening", "width", "jaw")):
        assert np.corrcoef(large[:, k], small[:, k])[0, 1] > 0.99, name
        assert 0.95 < small[:, k].std() / large[:, k].std() < 1.05, name
    assert large[:, 0].max() > 0.1


def test_a_lip_under_the_teeth_is_heard_in_speech_and_not_in_silence() -> None:
    encoder = AudioEncoder(load_network("edge_voice", precision="int8"))
    stream = FeatureStream(encoder.audio, vad=VadOptions(), blend=True)
    speech = read_audio(demo_files()[1])
    stream.push(speech)
    stream.end()
    windows = [stream.window(Fraction(i, 25)).features for i in range(int(len(speech) / 16_000 * 25))]
    coefficients, heard = encoder.hear(windows)
    said = [Articulation.of(row) for row in heard]
    openings = coefficients @ encoder.to_shape[0]
    assert np.array_equal(coefficients, encoder(windows))
    assert 0.01 < np.mean([one.tuck > 0.5 for one in said]) < 0.15
    assert 0.01 < np.mean([one.tongue > 0.5 for one in said]) < 0.3
    tucked = np.array([one.tuck > 0.5 for one in said])
    assert openings[tucked].mean() < 0.5 * openings[~tucked & (openings > 0.03)].mean()
    silence = np.full((1, 80, encoder.audio.columns), -4.0, np.float32)
    assert Articulation.of(encoder.hear(list(silence))[1][0]) == Articulation()


def test_a_network_that_says_coefficients_alone_asks_for_no_articulation() -> None:
    encoder = AudioEncoder(fakes.loudness_encoder())
    coefficients, heard = encoder.hear([np.zeros((80, 16), np.float32)] * 3)
    assert coefficients.shape == (3, 8)
    assert np.array_equal(heard, np.zeros((3, 2), np.float32))
