"""Speech endpoints: a WAV file, a streamed body, a WebSocket."""

from __future__ import annotations

import asyncio
import io
import math
import re
from collections.abc import AsyncIterator
from email.message import Message

import numpy as np
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from lipsync_edge.audio.reader import read_mono
from lipsync_edge.audio.resample import Resampler, to_float32, to_int16
from lipsync_edge.live.audio_queue import SessionOverError
from lipsync_edge.live.slot import I16
from lipsync_edge.server.auth import REFUSED, Limits
from lipsync_edge.server.session import ServerSession
from lipsync_edge.server.session_manager import MAIN, Refusal, SessionManager
from lipsync_edge.server.tts import LONGEST_TEXT, spoken
from lipsync_edge.server.uploads import STALLED, received, uploading

WAV = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
PCM = ("audio/pcm", "audio/x-pcm")
RATES = range(8000, 192_001)
TOO_BIG = 1009  # WebSocket: message too big
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def manager_of(connection: HTTPConnection) -> SessionManager:
    """Return the session manager of the server that a request came to."""
    manager: SessionManager = connection.app.state.sessions
    return manager


def session_name(connection: HTTPConnection) -> str:
    """Return the session's name in a request; Refusal 400 when it is no name."""
    name = connection.query_params.get("session", MAIN)
    if not _NAME.fullmatch(name):
        raise Refusal(400, "expected a session of 1 to 40 letters, digits, - and _")
    return name


def _rate(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) not in RATES:
        raise Refusal(400, "expected a rate of 8000 to 192000 samples a second")
    return int(text)


async def speak(request: Request) -> Response:
    """Say what is posted; answers when all of it was taken, which is up to `buffer_s` before it was said."""
    manager = manager_of(request)
    session = manager.find(session_name(request))
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    kind = header.get_content_type()
    if kind in WAV:
        with uploading(manager):
            pieces = await _wav(request, session.rate, manager.limits)
    elif kind in PCM:
        source_rate = _rate(str(header.get_param("rate", str(session.rate))))
        pieces = _converted(_body(request, manager.limits), source_rate, session.rate)
    else:
        raise Refusal(415, "expected audio/wav, or audio/pcm;rate=N with int16 little-endian mono")
    result, taken = await _take_turn(session, manager.limits, pieces)
    return JSONResponse({"state": result, "seconds": taken / session.rate}, 202 if result == "done" else 409)


async def say(request: Request) -> Response:
    """Have a text said by the text-to-speech command; answers when all of it was taken."""
    session, limits = manager_of(request).find(session_name(request)), manager_of(request).limits
    command: tuple[str, ...] = request.app.state.ways.tts
    if not command:
        raise Refusal(501, "expected a server that was started with --tts")
    sent = b"".join([chunk async for chunk in received(request, 8 * LONGEST_TEXT, limits.stall_s)])
    text = sent.decode("utf-8", "replace").strip()
    if not 0 < len(text) <= LONGEST_TEXT:
        raise Refusal(400, f"expected 1 to {LONGEST_TEXT} characters of text")
    async with spoken(command, text) as (rate, chunks):
        pieces = _converted(chunks, _rate(str(rate)), session.rate)
        result, taken = await _take_turn(session, limits, pieces)
    return JSONResponse({"state": result, "seconds": taken / session.rate}, 202 if result == "done" else 409)


async def _take_turn(session: ServerSession, limits: Limits, pieces: AsyncIterator[I16]) -> tuple[str, int]:
    if session.speakers > limits.waiting:
        raise Refusal(429, f"expected at most {limits.waiting} callers that wait for their turn")
    return await session.speak(pieces)


async def _wav(request: Request, rate: int, limits: Limits) -> AsyncIterator[I16]:
    """Receive and decode a whole file first, so that a bad one is refused before a word is said."""
    data = io.BytesIO()
    async for chunk in received(request, limits.upload_bytes, limits.stall_s):
        data.write(chunk)
    data.seek(0)
    decoded = await asyncio.to_thread(_decode_wav, data, rate, limits.upload_s)
    return _each(decoded)


def _decode_wav(data: io.BytesIO, rate: int, most_s: float) -> list[I16]:
    pieces, samples = [], 0
    for piece in read_mono(data, rate, container_format="wav"):
        samples += len(piece)
        if samples > most_s * rate:
            raise Refusal(413, f"expected at most {most_s:g} seconds of speech")
        pieces.append(to_int16(piece))
    return pieces


async def _each(pieces: list[I16]) -> AsyncIterator[I16]:
    for piece in pieces:
        yield piece


async def _body(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it comes; it counts as over when its sender leaves or stalls."""
    try:
        async for chunk in received(request, limits.upload_bytes, limits.stall_s, math.inf):
            yield chunk
    except ClientDisconnect:
        return
    except Refusal as refusal:
        if refusal.status != STALLED:
            raise


async def _converted(chunks: AsyncIterator[bytes], source_rate: int, rate: int) -> AsyncIterator[I16]:
    """Resample in other threads: neither the filters of a rate nor a long chunk may hold up the event loop."""
    resampler = await asyncio.to_thread(Resampler, source_rate, rate)
    rest = b""
    async for chunk in chunks:
        data = rest + chunk
        whole = len(data) // 2 * 2
        rest = data[whole:]
        pcm = np.frombuffer(data[:whole], "<i2").astype(np.int16)
        yield to_int16(await asyncio.to_thread(resampler.push, to_float32(pcm)))
    yield to_int16(resampler.flush())


class SpeechReceiver:
    """Receiver of a speaking WebSocket, read at once so that an "interrupt" never stands behind the sound before it.

    Args:
        socket: an accepted WebSocket.
        session: where it speaks.
        limits: `upload_bytes` may wait; an utterance ends after `stall_s` without a message.
    """

    def __init__(self, socket: WebSocket, session: ServerSession, limits: Limits) -> None:
        self._socket, self._session, self._limits = socket, session, limits
        self._items: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: the utterance ends
        self._held = 0
        self.left = asyncio.Event()
        self.is_too_much = False  # it sent more than may wait

    async def read(self) -> None:
        """Read until the caller leaves, or sends more than may wait."""
        while not self.left.is_set():
            message = await self._socket.receive()
            self.is_too_much = self._held > self._limits.upload_bytes
            if message["type"] == "websocket.disconnect" or self.is_too_much:
                self.left.set()
            data = message.get("bytes")
            if data and not self.left.is_set():
                self._held += len(data)
                self._items.put_nowait(data)
            elif message.get("text") == "interrupt":
                self._clear()
                await self._session.interrupt()
                self._items.put_nowait(None)
            elif message.get("text") == "end" or self.left.is_set():
                self._items.put_nowait(None)

    async def utterance(self, first: bytes) -> AsyncIterator[bytes]:
        """Return the sound up to the end of the utterance."""
        yield first
        while (data := await self._next(self._limits.stall_s)) is not None:
            yield data

    async def first(self) -> bytes | None:
        """Wait for the first sound of an utterance; None when the caller has left."""
        data = None
        while data is None and not (self.left.is_set() and self._items.empty()):
            data = await self._next(None)
        return data

    async def skip(self) -> None:
        """Throw away the rest of an utterance that was interrupted."""
        while await self._next(self._limits.stall_s) is not None:
            pass

    async def _next(self, patience_s: float | None) -> bytes | None:
        try:
            data = await asyncio.wait_for(self._items.get(), patience_s)
        except asyncio.TimeoutError:
            return None
        self._held -= len(data or b"")
        return data

    def _clear(self) -> None:
        while not self._items.empty():
            self._held -= len(self._items.get_nowait() or b"")


async def speak_socket(socket: WebSocket) -> None:
    """Say what comes through a WebSocket; answers {"type": "done" or "interrupted", "seconds"} to each utterance."""
    await socket.accept()
    try:
        limits, session = manager_of(socket).limits, manager_of(socket).find(session_name(socket))
        rate = _rate(socket.query_params.get("rate", str(session.rate)))
        receiver = SpeechReceiver(socket, session, limits)
        reading = asyncio.create_task(receiver.read())
        try:
            while (first := await receiver.first()) is not None:
                pieces = _converted(receiver.utterance(first), rate, session.rate)
                result, taken = await _take_turn(session, limits, pieces)
                if result == "interrupted":
                    await receiver.skip()
                await socket.send_json({"type": result, "seconds": taken / session.rate})
        finally:
            reading.cancel()
        if receiver.is_too_much:
            await socket.close(TOO_BIG, "expected sound at the pace it is spoken")
    except (Refusal, SessionOverError) as error:
        await socket.close(REFUSED, str(error)[:120])
    except (WebSocketDisconnect, RuntimeError):  # it left while something was being sent
        return
