"""Facts of a result that its marks tell: who made it, with which networks, out of what, and when it was changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from lipsync_edge.models.network import Network

TOOL = "lipsync-edge"
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
# what the vocabulary calls made by trained networks, in whole or in part
MADE_WITH_AI = tuple(
    VOCABULARY + name for name in ("compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia")
)

MOST_PARTS = 4000  # of a result; the last one then takes in what follows

Role = Literal["face", "voice", "soundtrack", "result"]


@dataclass(frozen=True, slots=True)
class UsedNetwork:
    """One network that took part.

    Attributes:
        stage: what it did: "detect", "lips", …
        name: of its card.
        precision: "fp32", "fp16" or "int8".
        sha256: of its file; empty for one that came from none.
    """

    stage: str
    name: str
    precision: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One file that went in. Only its kind and digest are told, not its name, which may name a person.

    Attributes:
        role: what it was for.
        path: the file.
        still: whether it is one picture.
        number: among those of its role, from 1.
    """

    role: Role
    path: Path
    still: bool = False
    number: int = 1

    @property
    def title(self) -> str:
        """What readers of the marks see: the role and the extension."""
        return f"{self.role}{self.path.suffix.lower()}"

    def sha256(self) -> str:
        """Return the digest of the file; empty when it cannot be read any more."""
        digest = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
        except OSError:
            return ""
        return digest.hexdigest()


@dataclass(slots=True)
class Segments:
    """Parts of the result that were changed, in seconds from its start, joined where they touch.

    Args:
        frame: length of a frame in seconds.
    """

    frame: Fraction
    parts: list[tuple[Fraction, Fraction]] = field(default_factory=list)

    def add(self, time: Fraction) -> None:
        """Note that the frame at `time` was changed; times grow."""
        if self.parts and (time - self.parts[-1][1] <= self.frame / 2 or len(self.parts) >= MOST_PARTS):
            self.parts[-1] = (self.parts[-1][0], time + self.frame)
        else:
            self.parts.append((time, time + self.frame))

    @property
    def seconds(self) -> list[tuple[float, float]]:
        """Start and end of each part, to the millisecond."""
        return [(round(float(start), 3), round(float(end), 3)) for start, end in self.parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the marks of one result tell.

    Attributes:
        networks: that took part.
        preset: how they worked together; empty where that is not known.
        ingredients: files that went in.
        segments: start and end in seconds of each changed part, or None where that is not known.
        speaks: whether a mouth was changed to speak; False for what only shows such a result.
        tool_version: of this package.
    """

    networks: tuple[UsedNetwork, ...] = ()
    preset: str = ""
    ingredients: tuple[Ingredient, ...] = ()
    segments: tuple[tuple[float, float], ...] | None = None
    speaks: bool = True
    tool_version: str = field(default_factory=lambda: tool_version())

    @property
    def tool(self) -> str:
        """Name and version."""
        return f"{TOOL} {self.tool_version}"

    @property
    def models(self) -> str:
        """Names, precisions and first digits of the digests, for people."""
        return ", ".join(
            f"{one.name}.{one.precision}" + (f" {one.sha256[:12]}" if one.sha256 else "")
            for one in self.networks
        )


def used(networks: Mapping[str, Network]) -> tuple[UsedNetwork, ...]:
    """Describe loaded networks by their stages."""
    return tuple(
        UsedNetwork(stage, network.spec.name, network.precision, network.sha256)
        for stage, network in networks.items()
    )


def tool_version() -> str:
    """Return the version of the installed package; "unknown" when it runs from somewhere else."""
    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "unknown"
