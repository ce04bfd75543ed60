"""Small files that claim to be huge: what a decoder would believe, and take memory or hours for."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from lipsync_edge.types import U8
from tests.hostile.seeds import still

SIDE = 30_000


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(path: Path) -> None:
    """A black PNG of 30 000 x 30 000: 110 kB that become 2.7 GB of colour."""
    packer = zlib.compressobj(9)
    row = bytes(1 + -(-SIDE // 8))
    body = b"".join(packer.compress(row * 100) for _ in range(SIDE // 100)) + packer.flush()
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )


def png_of_16_bits(path: Path) -> None:
    """11 000 x 11 000 with transparency, 16 bits each: within the limit of pixels, 1 GB once it is decoded."""
    side = 11_000
    packer = zlib.compressobj(1)
    row = bytes(1 + side * 8)
    body = b"".join(packer.compress(row * 10) for _ in range(side // 10)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )


def jpeg(path: Path) -> None:
    """A photo whose header says 32 000 x 32 000."""
    data = bytearray(still("jpg"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, 32_000, 32_000)
    path.write_bytes(data)


def bmp(path: Path) -> None:
    """A BMP that says 32 000 x 32 000, run-length encoded in nothing."""
    head = struct.pack("<IiiHHIIiiII", 40, 32_000, 32_000, 1, 8, 1, 4, 0, 0, 256, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 1100, 0, 0, 1078) + head + bytes(1024) + b"\0\1\0\1")


def tiff(path: Path) -> None:
    """A TIFF of one strip that says 30 000 x 30 000."""
    _, data = cv2.imencode(".tiff", np.zeros((16, 16, 3), np.uint8))
    made = bytearray(data.tobytes())
    (at,) = struct.unpack_from("<I", made, 4)
    (count,) = struct.unpack_from("<H", made, at)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", made, place)
        if tag in (256, 257, 278):
            struct.pack_into("<HII", made, place + 2, 4, 1, SIDE)
    path.write_bytes(made)


def webp(path: Path) -> None:
    """A WebP whose canvas says 16 383 x 16 383."""
    data = bytearray(still("webp"))
    inner = bytes(data[12:])
    head = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(head) + len(inner)) + b"WEBP" + head + inner)


def gif(path: Path) -> None:
    """A GIF whose screen says 65 535 x 65 535, with a picture of one pixel, twice."""
    one = b"\x2c" + bytes(4) + struct.pack("<HHB", 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + 2 * one + b";"
    )


def film_of_8k(path: Path, frames: int = 2, size: tuple[int, int] = (7680, 4320)) -> None:
    """Black pictures, H.264."""
    picture: U8 = np.full((size[1] * 3 // 2, size[0]), 16, np.uint8)
    picture[size[1] :] = 128
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def film_that_grows(path: Path) -> None:
    """A transport stream that begins small and goes on in 8K, as joined recordings do."""
    beside = path.with_suffix(".part.ts")
    film_of_8k(beside, 8, (320, 240))
    small = beside.read_bytes()
    film_of_8k(beside, 3)
    path.write_bytes(small + beside.read_bytes())
    beside.unlink()


def hours_of_silence(path: Path) -> None:
    """Twenty packets of sound, each nearly an hour after the one before."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        for i in range(20):
            packet = av.Packet(bytes(160))
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = i * 3_590_000
            packet.duration = 10
            container.mux(packet)


def wav(rate: int, channels: int, *, bits: int = 16, claimed: int = 0xFFFFFF00) -> Callable[[Path], None]:
    """A WAV of 4000 bytes that claims a rate, channels and length."""

    def write(path: Path) -> None:
        block = channels * bits // 8 & 0xFFFF
        head = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
        body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", claimed)
        path.write_bytes(b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + body + bytes(range(250)) * 16)

    return write


def playlist(path: Path) -> None:
    """A list of other files, which would be read in the name of this one."""
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n")


def joined(path: Path) -> None:
    """A list for FFmpeg's concat."""
    path.write_text("ffconcat version 1.0\nfile other.ts\n")


FACES: dict[str, Callable[[Path], None]] = {
    "huge.png": png,
    "deep.png": png_of_16_bits,
    "huge.jpg": jpeg,
    "huge.bmp": bmp,
    "huge.tiff": tiff,
    "huge.webp": webp,
    "huge.gif": gif,
    "eight_k.mp4": film_of_8k,
    "grows.ts": film_that_grows,
    "list.m3u8": playlist,
    "list.mp4": playlist,
    "joined.mp4": joined,
}
SOUNDS: dict[str, Callable[[Path], None]] = {
    "silence.mka": hours_of_silence,
    "fast.wav": wav(4_000_000_000, 1),
    "slow.wav": wav(1, 1),
    "wide.wav": wav(48_000, 60_000),
    "wider.wav": wav(48_000, 900, bits=8),
    "long.wav": wav(8000, 1),
}
