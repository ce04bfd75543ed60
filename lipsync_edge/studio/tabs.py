"""Tabs: the components of each, by what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lipsync_edge.studio.inputs import Asked, Steps


@dataclass(frozen=True, slots=True)
class MakeTab:
    """Components of the tab that makes one video."""

    steps: Steps
    preview_frame: Any
    preview_clip: Any
    make: Any
    status: Any
    cancel: Any
    pair: Any
    result: Any
    judge: Any
    report: Any
    running: Any
    shown: Any


@dataclass(frozen=True, slots=True)
class SeveralTab:
    """Components of the tab that makes several."""

    faces: Any
    voices: Any
    options: Asked
    consent: Any
    make: Any
    status: Any
    cancel: Any
    table: Any
    running: Any


@dataclass(frozen=True, slots=True)
class HistoryTab:
    """Components of the tab with all results."""

    tab: Any
    gallery: Any
    result: Any
    judge: Any
    remove: Any
    status: Any
    cancel: Any
    report: Any
    keys: Any
    shown: Any
    running: Any
