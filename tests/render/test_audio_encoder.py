"""The bundled audio encoder on the demo's speech: the small file asks what the large one asks."""

from fractions import Fraction

import numpy as np

from lipsync_edge.audio.alignment import FeatureStream
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.audio.vad import VadOptions
from lipsync_edge.demo import demo_files
from lipsync_edge.models.network import load_network
from lipsync_edge.render.lips import AudioEncoder


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
