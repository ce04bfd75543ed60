"""Closed lists of words that options take, each said once: types for Python, choices for help and completion.

Names that come from files or tables are not here: presets are `models.preset.preset_names`, devices are
`models.devices.DEVICES`. Nothing is imported, so that `lipsync-edge --help` costs nothing.
"""

from __future__ import annotations

from typing import Literal, get_args

Precision = Literal["auto", "fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Loop = Literal["pingpong", "repeat", "hold", "cut"]  # what follows a video that is shorter than its sound
LOOPS: tuple[Loop, ...] = get_args(Loop)

Codec = Literal["h264", "hevc", "vp9", "av1"]
CODECS: tuple[Codec, ...] = get_args(Codec)

LiveFormat = Literal["raw", "ts", "mp4"]  # what `live` writes where the name of its output does not say it
LIVE_FORMATS: tuple[LiveFormat, ...] = get_args(LiveFormat)

# whose lips and teeth: the person's own where that can be, always, never
Mouth = Literal["auto", "own", "painted"]
MOUTHS: tuple[Mouth, ...] = get_args(Mouth)

Label = Literal["none", "top-left", "top-right", "bottom-left", "bottom-right"]  # where a visible "AI" stands
LABELS: tuple[Label, ...] = get_args(Label)

Listening = Literal["closed", "filmed"]  # what a mouth does while others speak
LISTENINGS: tuple[Listening, ...] = get_args(Listening)
