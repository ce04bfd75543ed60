"""Marks of an evaluation's pages, which show faces of the result."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from lipsync_edge.mark import embed, xmp
from lipsync_edge.mark.apply import MarkReport, mark_file
from lipsync_edge.mark.facts import SOURCE_TYPE, Facts, Ingredient
from lipsync_edge.mark.identity import Identity, identity_of
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.mark.sign import check_identity

PDF, TAGGED = ".pdf", (".pdf", ".html", ".htm")  # written with the metadata in them


@dataclass(frozen=True, slots=True)
class StillMark:
    """What the stills of one evaluation say of themselves.

    Attributes:
        facts: that they tell.
        identity: that signs.
    """

    facts: Facts
    identity: Identity

    @classmethod
    def of(cls, options: MarkOptions, generated: Path) -> StillMark | None:
        """Return the mark of the stills of a result, None where none is wanted.

        Raises:
            UsageError: the user's certificate cannot sign.
        """
        if not options.wanted:
            return None
        identity = identity_of(options)
        if not identity.own:
            check_identity(identity)
        return cls(Facts(ingredients=(Ingredient("result", generated),), speaks=False), identity)

    def head(self) -> str:
        """Return what stands in the head of a page of HTML."""
        tags = {"digital-source-type": SOURCE_TYPE, "generator": self.facts.tool}
        return "".join(f'<meta name="{name}" content="{escape(text)}">' for name, text in tags.items())

    def png(self, data: bytes) -> bytes:
        """Return a PNG with the metadata in it."""
        return embed.in_png(data, xmp.packet(self.facts))

    def finish(self, path: Path) -> MarkReport:
        """Mark a page that was written."""
        return mark_file(path, self.facts, self.identity, tagged=path.suffix.lower() in TAGGED)


def pdf_words(mark: StillMark | None) -> dict[str, str]:
    """Return what matplotlib writes into a PDF of itself."""
    return {} if mark is None else {"Keywords": SOURCE_TYPE, "Creator": mark.facts.tool}
