"""XMP packets: the digital source type and the system, in the words of IPTC, as one RDF text."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from lipsync_edge.mark.facts import SOURCE_TYPE, VOCABULARY, Facts
from lipsync_edge.mark.tags import SAID

IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = '<?xpacket end="r"?>'
_SOURCE_TYPE = re.compile(r"DigitalSourceType(?:\s*=\s*[\"']|>\s*|\s+rdf:resource\s*=\s*[\"'])([^\"'<\s]+)")
_TOOL = re.compile(r"CreatorTool(?:\s*=\s*\"|>)([^\"<]+)")


def packet(facts: Facts) -> bytes:
    """Return the packet, UTF-8."""
    about = f"{SAID}. {facts.tool}. {facts.models}"
    text = f"""{_BEGIN}
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{IPTC}" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"
    Iptc4xmpExt:AISystemUsed={quoteattr(facts.tool.rsplit(" ", 1)[0])}
    Iptc4xmpExt:AISystemVersionUsed={quoteattr(facts.tool_version)}
    xmp:CreatorTool={quoteattr(facts.tool)}>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(about)}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
{_END}"""
    return text.encode("utf-8")


def source_type(found: bytes) -> str:
    """Return the digital source type that a packet of anybody names, as its address; "" without one."""
    match = _SOURCE_TYPE.search(found.decode("utf-8", "replace"))
    return "" if match is None else VOCABULARY + match[1].rsplit("/", 1)[-1]


def tool(found: bytes) -> str:
    """Return what a packet calls the program that made the file; "" without one."""
    match = _TOOL.search(found.decode("utf-8", "replace"))
    return "" if match is None else match[1]
