"""Text to speech by a command of the operator: it reads the text on stdin and writes a WAV file to stdout."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from lipsync_edge.errors import UsageError
from lipsync_edge.server.session_manager import Refusal

LONGEST_TEXT = 5000  # characters
FIRST_S, STALL_S = 30.0, 10.0  # without a byte: it hangs
_PIECE = 8192
_PCM, _EXTENSIBLE = 1, 0xFFFE


def command_of(text: str) -> tuple[str, ...]:
    """Split a command line into words; UsageError where its program is not there."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(expected="a command line for --tts", got=f"{text!r}: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(
            expected="a program for --tts",
            got=repr(words[0] if words else ""),
            fix="install it, or name its path",
        )
    return tuple(words)


@asynccontextmanager
async def spoken(command: Sequence[str], text: str) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
    """Run a command on a text; gives the rate and the int16 mono sound, as it comes. It does not outlive the block.

    Raises:
        Refusal: 502, it wrote no WAV file of 16-bit samples.
    """
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    writing = asyncio.create_task(_write(process, text))
    try:
        assert process.stdout is not None
        rate, channels = await _header(process.stdout)
        yield rate, _samples(process.stdout, channels)
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as error:
        raise Refusal(502, f"expected a WAV file of 16-bit samples from {command[0]}, got {error}") from error
    finally:
        writing.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def _write(process: Process, text: str) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(text.encode() + b"\n")
        await process.stdin.drain()
        process.stdin.close()


async def _header(pipe: asyncio.StreamReader) -> tuple[int, int]:
    """Read up to the first sample; returns rate and channels.

    The length of the sound is not believed: who writes to a pipe does not know it when it begins.
    """
    start = await asyncio.wait_for(pipe.readexactly(12), FIRST_S)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise ValueError(f"{bytes(start[:12])!r}")
    rate = channels = 0
    while True:
        head = await asyncio.wait_for(pipe.readexactly(8), STALL_S)
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"data":
            break
        if length > 1_000_000:
            raise ValueError(f"a part {kind!r} of {length} bytes")
        body = await asyncio.wait_for(pipe.readexactly(length + length % 2), STALL_S)
        if kind == b"fmt ":
            code, channels, rate = (int.from_bytes(body[a:b], "little") for a, b in ((0, 2), (2, 4), (4, 8)))
            bits = int.from_bytes(body[14:16], "little")
            if code not in (_PCM, _EXTENSIBLE) or bits != 16 or channels not in (1, 2):
                raise ValueError(f"format {code} of {bits} bits and {channels} channels")
    if not rate:
        raise ValueError("samples before their format")
    return rate, channels


async def _samples(pipe: asyncio.StreamReader, channels: int) -> AsyncIterator[bytes]:
    """Give int16 mono bytes; of two channels the first."""
    rest = b""
    while chunk := await asyncio.wait_for(pipe.read(_PIECE), STALL_S):
        data = rest + chunk
        whole = len(data) // (2 * channels) * 2 * channels
        rest = data[whole:]
        samples = memoryview(data[:whole]).cast("h")
        yield bytes(data[:whole]) if channels == 1 else samples[::2].tobytes()
