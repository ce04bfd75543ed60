"""What the evaluation clips say, as far as it is certain, for forced alignment.

GRID's sentences and those of the two matrix readers follow a grammar; the others were written down with the help of a
phone recogniser and count only where the alignment accepts them.
"""

from __future__ import annotations

TEXTS = {
    "grid_s3": "set blue in a one again",
    "grid_s16": "bin green at l nine now",
    "grid_s33_1": "bin white with y three soon",
    "grid_s33_2": "lay white by i five soon",
    "grid_s33_3": "lay red at e seven again",
    "matrix_man_a": "nina wins nine thin spoons",
    "matrix_woman_a": "kathy kept some cheap mugs",
    "address_woman_a": "everyone here today in endeavoring towards the better more just future for our country and our "
    "world in fidelity",
    "talk_woman_d": "everyone here today in endeavoring towards the better more just future for our",
    "presenter_woman_a": "whether you're discussing what movie or pitching yourself for a promotion at the end of the "
    "day it's about getting what you want",
}
