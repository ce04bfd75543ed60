"""Speech or silence, column by column, from the features of the front end alone.

The level of a column is the mean power of its bands in dB (full-scale speech lies about -35 to -50, white noise
of -60 dBFS at -82, digital silence at -100). A column is speech when it lies `margin_db` above a noise floor that
falls at once and rises slowly; speech then holds for `hangover_s` and fades out in `fade_s`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_edge.audio.front_end import FrontEnd
from lipsync_edge.types import F32


@dataclass(frozen=True, slots=True, kw_only=True)
class VadOptions:
    """How speech is told from silence.

    Attributes:
        margin_db: how far above the noise floor speech begins, in dB.
        first_floor_db: the floor before the first column: a recording's usual noise lies below it, quiet speech well
            above.
        lowest_floor_db: the floor never falls below this level (digital silence and 16-bit noise).
        highest_floor_db: the floor never rises above this level, so that speech without a pause stays speech.
        rise_db_per_s: how fast the floor follows a noise that grows.
        hangover_s: how long speech holds after the last loud column, in seconds: in a short pause mouths stay open.
        fade_s: how long the gain takes from 1 to 0, and from 0 to 1, in seconds.
    """

    margin_db: float = 12.0
    first_floor_db: float = -80.0
    lowest_floor_db: float = -95.0
    highest_floor_db: float = -72.0
    rise_db_per_s: float = 3.0
    hangover_s: float = 0.4
    fade_s: float = 0.08

    def fade_columns(self, columns_per_second: float) -> float:
        """Return the fade in columns."""
        return max(self.fade_s * columns_per_second, 1e-6)


class VoiceActivityDetector:
    """Causal voice activity detector: columns in, one gain a column out, the same whatever the chunks.

    Args:
        front_end: whose columns they are.
        options: how speech is told from silence.
    """

    def __init__(self, front_end: FrontEnd, options: VadOptions | None = None) -> None:
        self.options = options or VadOptions()
        self._level_db = front_end.level_db
        self._rate = float(front_end.columns_per_second)
        self._fade_columns = self.options.fade_columns(self._rate)
        self.reset()

    def reset(self) -> None:
        """Forget the noise floor and close the gate."""
        self._floor_db = self.options.first_floor_db
        self._gain = 0.0
        self._hold = 0

    def push(self, columns: F32) -> F32:
        """Return the gain of each column, float32 (k,) 0 (silence) to 1 (speech), of float32 (bands, k).

        It opens at once (fading in is left to `fade_in`, which sees the columns to come) and fades out slowly.
        """
        # column by column: a sum over a batch may differ in the last bit from a sum over one column
        return np.array(
            [self._step(float(self._level_db(columns[:, i : i + 1])[0])) for i in range(columns.shape[1])],
            np.float32,
        )

    def _step(self, level: float) -> float:
        options = self.options
        risen = self._floor_db + options.rise_db_per_s / self._rate
        self._floor_db = float(np.clip(min(level, risen), options.lowest_floor_db, options.highest_floor_db))
        if level > self._floor_db + options.margin_db:
            self._hold = round(options.hangover_s * self._rate)
            self._gain = 1.0
        elif self._hold > 0:
            self._hold -= 1
        else:
            self._gain = max(0.0, self._gain - 1.0 / self._fade_columns)
        return self._gain


def fade_in(gains: F32, fade_columns: float) -> float:
    """Return the gain 0 to 1 of a frame whose own column is gains[0], float32 (n >= 1,); the rest comes after it.

    A frame less than a fade before speech begins already opens a little.
    """
    ramp = 1.0 - np.arange(len(gains)) / fade_columns
    return float(np.max(gains * np.clip(ramp, 0.0, 1.0)))
