"""A front end unlike mel80: three bands of level, 50 columns a second of sound at 8 kHz, and lips that hear it."""

import numpy as np

from lipsync_edge.audio.front_end import FrontEnd
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import AudioWindow, ModelSpec, TensorSpec
from lipsync_edge.types import F32, Arrays
from tests import fakes

RATE, HOP, BANDS = 8_000, 160, 3
WINDOW = AudioWindow(columns=7, offset=-3, tail="pad", front_end="levels")


class LevelStream:
    """Column k: mean, largest and root mean square of the samples 160 k to 160 k + 159, each minus 1."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._rest: F32 = np.zeros(0, np.float32)

    def push(self, samples: F32) -> F32:
        self._rest = np.concatenate([self._rest, samples])
        count = len(self._rest) // HOP
        pieces, self._rest = self._rest[: count * HOP].reshape(count, HOP), self._rest[count * HOP :]
        return np.stack([column(piece) for piece in pieces] or [np.zeros(BANDS, np.float32)])[:count].T

    def flush(self) -> F32:
        last = self.push(np.zeros(-len(self._rest) % HOP, np.float32))
        self.reset()
        return last


def column(piece: F32) -> F32:
    loud = np.abs(piece)
    return np.array([loud.mean(), loud.max(), np.sqrt(np.square(piece).mean())], np.float32) - 1


def level_db(columns: F32) -> F32:
    return np.asarray(20 * np.log10(np.maximum(columns[2] + 1, 1e-5)), np.float32)


LEVELS = FrontEnd(
    rate=RATE, hop=HOP, reach=HOP, bands=BANDS, silence=-1.0, open=LevelStream, level_db=level_db
)


def level_lips(side: int = 64) -> Network:
    """Lips that open with the loudness of the window's middle."""
    spec = ModelSpec(
        name="fake_level_lips",
        role="lips",
        kind="warp",
        crop="aligned",
        inputs=(
            TensorSpec("face", "uint8", ("batch", side, side, 3)),
            TensorSpec("levels", "float32", ("batch", BANDS, WINDOW.columns)),
        ),
        outputs=fakes.warp_lips(side).spec.outputs,
        audio=WINDOW,
    )

    def run(feeds: Arrays) -> Arrays:
        n = len(feeds["face"])
        mask = np.zeros((n, 1, side, side), np.float32)
        open_part = np.clip(4 * (feeds["levels"][:, 1, 3] + 1), 0, 1)
        mask[:, :, int(side * 0.6) : int(side * 0.75), side // 3 : 2 * side // 3] = open_part[
            :, None, None, None
        ]
        flow = np.zeros((n, 2, side, side), np.float32)
        return {"flow": flow, "mask": mask, "paint": np.ones((n, 3, side, side), np.float32)}

    return fakes.fake_network(spec, run)
