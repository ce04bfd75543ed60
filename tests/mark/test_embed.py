"""Metadata in files: what another reader of pictures and films sees does not change by one bit."""

import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.mark import embed, tags, xmp
from lipsync_edge.mark.facts import SOURCE_TYPE, VOCABULARY, Facts, Segments, UsedNetwork
from lipsync_edge.mark.transport import service_tags
from tests.clips import scene, write_clip

FACTS = Facts(networks=(UsedNetwork("lips", 'a<b>&"c', "int8", "0123456789abcdef"),), tool_version="9.9")


def pixels(path: Path) -> np.ndarray:
    if path.suffix in (".png", ".jpg"):
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def made(folder: Path, suffix: str) -> Path:
    path = folder / f"a{suffix}"
    if suffix in (".png", ".jpg"):
        assert cv2.imwrite(str(path), scene())
        return path
    return write_clip(path, 6)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".png", ".jpg"])
def test_a_packet_is_found_again_and_no_picture_changes(tmp_path: Path, suffix: str) -> None:
    path = made(tmp_path, suffix)
    before = pixels(path)
    assert embed.found(path) == b""
    assert embed.put(path, xmp.packet(FACTS))
    assert np.array_equal(pixels(path), before)
    found = embed.found(path)
    assert found == xmp.packet(FACTS)
    assert xmp.source_type(found) == SOURCE_TYPE
    assert xmp.tool(found) == "lipsync-edge 9.9"


def test_the_packet_is_xml_that_others_read() -> None:
    from xml.etree import ElementTree

    tree = ElementTree.fromstring(xmp.packet(FACTS).decode("utf-8").strip("\ufeff"))
    about = next(tree.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"))
    assert about.get(f"{{{xmp.IPTC}}}DigitalSourceType") == SOURCE_TYPE
    assert about.get(f"{{{xmp.IPTC}}}AISystemUsed") == "lipsync-edge"
    assert 'a<b>&"c.int8 0123456789ab' in "".join(about.itertext())


@pytest.mark.parametrize(
    "text",
    [
        "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/x</Iptc4xmpExt:DigitalSourceType>",
        "<Iptc4xmpExt:DigitalSourceType rdf:resource='https://cv.iptc.org/newscodes/digitalsourcetype/x'/>",
        '<rdf:Description Iptc4xmpExt:DigitalSourceType = "x" >',
    ],
)
def test_source_types_of_others_are_read_in_every_form(text: str) -> None:
    assert xmp.source_type(text.encode()) == VOCABULARY + "x"


def test_the_chunk_of_a_png_has_its_checksum(tmp_path: Path) -> None:
    data = embed.in_png(made(tmp_path, ".png").read_bytes(), b"packet")
    at = data.index(b"iTXt")
    size = int.from_bytes(data[at - 4 : at], "big")
    assert int.from_bytes(data[at + 4 + size : at + 8 + size], "big") == zlib.crc32(data[at : at + 4 + size])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".mp4", ".svg"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"not what the name says", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\xff"]
)
def test_what_is_no_such_file_stays_as_it_was(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert embed.found(path) == b""
    if suffix == ".jpg" and content.startswith(b"\xff\xd8"):
        return
    with pytest.raises(ValueError, match="."):
        embed.put(path, xmp.packet(FACTS))
    assert path.read_bytes() == content


def test_boxes_that_lie_about_their_size_end_the_search(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 3)
    data = bytearray(path.read_bytes())
    for at in range(0, len(data) - 8, 7):
        broken = data.copy()
        broken[at : at + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(broken)
        assert embed.found(path) in (b"",)


@pytest.mark.parametrize(
    ("container", "suffix"), [("mp4", ".mp4"), ("mov", ".mov"), ("matroska", ".mkv"), ("flv", ".flv")]
)
def test_tags_of_a_muxer_name_the_source_type(tmp_path: Path, container: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    written(path, container, tags.container_tags(FACTS, container))
    with av.open(str(path)) as opened:
        assert set(tags.source_types(opened.metadata)) == {SOURCE_TYPE}
        assert any("lipsync-edge 9.9" in value for value in opened.metadata.values())


def test_a_transport_stream_says_it_in_its_services(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    written(path, "mpegts", tags.container_tags(FACTS, "mpegts"))
    assert service_tags(path) == {"service_provider": "lipsync-edge 9.9", "service_name": SOURCE_TYPE}
    written(path, "mpegts", {})
    assert SOURCE_TYPE not in service_tags(path).values()
    data = path.read_bytes()
    for cut in range(0, 600, 13):
        path.write_bytes(data[cut : cut + 188 * 3])
        service_tags(path)  # whatever is left of it, nothing is raised


def written(path: Path, container: str, told: dict[str, str]) -> None:
    with av.open(str(path), "w", format=container) as out:
        out.metadata.update(told)
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(scene(160, 120, index), format="bgr24")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def test_segments_join_where_they_touch() -> None:
    from fractions import Fraction

    parts = Segments(Fraction(1, 25))
    for index in (0, 1, 2, 10, 11, 30):
        parts.add(Fraction(index, 25))
    assert parts.seconds == [(0.0, 0.12), (0.4, 0.48), (1.2, 1.24)]
    varying = Segments(Fraction(1, 25))
    for time in (0.0, 0.04, 0.055, 0.13):
        varying.add(Fraction(time).limit_denominator(1000))
    assert varying.seconds == [(0.0, 0.095), (0.13, 0.17)]
