"""Viewers and callers that come to a server and go again; `python -m benchmarks live soak` starts them in a process.

    python -m benchmarks.live.visitors ADDRESS FACTOR SECONDS SEED WAV

Times are simulated seconds. On the average every 15 seconds somebody comes, stays for 5 to 40, and watches one of
three sessions: by WebRTC (H.264 or VP8), by WebSocket, or hears of events alone. A third leaves without a word, as a
phone in a tunnel does. Every minute somebody lets a session speak; a third of that is interrupted. Prints one JSON
object of counts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiortc
import httpx
import websockets
from aiortc.mediastreams import MediaStreamError
from websockets.asyncio.client import connect

from benchmarks.live.fast_loop import FastClock, FastLoop

COMES_EVERY_S, STAYS_S = 15.0, (5.0, 40.0)
SPEAKS_EVERY_S = 60.0
SESSIONS = ("main", "left", "right")
SERVED = ("whep H264", "whep VP8", "websocket", "events")  # names in what is counted
WAYS = ("whep H264", "whep VP8", "websocket", "websocket", "events")
PATIENCE_S = 400.0  # simulated; a busy machine is no fault
FRESH = httpx.Limits(max_keepalive_connections=0)  # a connection each
NOT_THERE = 1008  # WebSocket: no such session, or no seat in it


class Visitors:
    """All that come to one server.

    Args:
        address: http://HOST:PORT.
        wav: what is said.
        seed: of who comes when.
    """

    def __init__(self, address: str, wav: bytes, seed: int) -> None:
        self.address, self.wav = address, wav
        self.counts: Counter[str] = Counter()
        self.random = random.Random(seed)
        self.http = httpx.AsyncClient(base_url=address, timeout=PATIENCE_S, limits=FRESH)

    async def come(self, seconds: float) -> None:
        """Let them come for so long, and wait until the last has left."""
        loop, there = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        end = loop.time() + seconds
        talking = asyncio.create_task(self._talk(end))
        while loop.time() < end:
            task = asyncio.create_task(self._visit())
            there.add(task)
            task.add_done_callback(there.discard)
            await asyncio.sleep(self.random.expovariate(1 / COMES_EVERY_S))
        await asyncio.gather(talking, *there)
        await self.http.aclose()

    async def _visit(self) -> None:
        way, session = self.random.choice(WAYS), self.random.choice(SESSIONS)
        stay, silently = self.random.uniform(*STAYS_S), self.random.random() < 1 / 3
        watching = (
            self._watch_whep(way.split()[1], session, stay, silently)
            if way.startswith("whep")
            else self._watch_socket(way, session, stay, silently)
        )
        try:
            await asyncio.wait_for(watching, PATIENCE_S)
            self.counts[way] += 1
        except Refused:
            self.counts["refused"] += 1
        except Exception as error:  # whatever it is, it is told among the counts, and others come
            self.counts[f"{way} failed: {type(error).__name__}"] += 1

    async def _watch_socket(self, way: str, session: str, stay: float, silently: bool) -> None:
        sees = "" if way == "websocket" else "&sees=0"
        address = f"{self.address.replace('http', 'ws')}/api/view?session={session}{sees}"
        socket = await connect(address, open_timeout=PATIENCE_S, ping_interval=None, max_size=None)
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._listen(socket), stay)
        finally:
            if silently:
                socket.transport.abort()
            else:
                await socket.close()

    async def _listen(self, socket: Any) -> None:
        try:
            async for message in socket:
                self.counts["slots by WebSocket"] += isinstance(message, bytes)
        except websockets.ConnectionClosedError as error:
            if error.rcvd is None or error.rcvd.code != NOT_THERE:
                raise
            raise Refused from error

    async def _watch_whep(self, codec: str, session: str, stay: float, silently: bool) -> None:
        peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        reading: list[asyncio.Task[None]] = []
        try:
            self._ask(peer, codec, reading)
            await peer.setLocalDescription(await peer.createOffer())
            answer = await self.http.post(
                f"/whep?session={session}",
                content=peer.localDescription.sdp,
                headers={"content-type": "application/sdp"},
            )
            if answer.status_code != 201:
                raise Refused
            await peer.setRemoteDescription(aiortc.RTCSessionDescription(answer.text, "answer"))
            await asyncio.sleep(stay)
            if silently:
                _cut(peer)
            else:
                await self.http.delete(answer.headers["location"])
        finally:
            for task in reading:
                task.cancel()
            await peer.close()

    def _ask(self, peer: Any, codec: str, reading: list[asyncio.Task[None]]) -> None:
        video = peer.addTransceiver("video", "recvonly")
        able: Any = aiortc.RTCRtpReceiver.getCapabilities("video")
        video.setCodecPreferences([one for one in able.codecs if one.mimeType == f"video/{codec}"])
        peer.addTransceiver("audio", "recvonly")
        peer.on("track", lambda track: reading.append(asyncio.create_task(self._read(track))))

    async def _read(self, track: Any) -> None:
        with suppress(MediaStreamError):
            while True:
                await track.recv()
                self.counts[f"frames of {track.kind} by WebRTC"] += 1

    async def _talk(self, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            await asyncio.sleep(self.random.expovariate(1 / SPEAKS_EVERY_S))
            session = self.random.choice(SESSIONS)
            with suppress(httpx.HTTPError):
                said = await self.http.post(
                    f"/api/speak?session={session}", content=self.wav, headers={"content-type": "audio/wav"}
                )
                self.counts["said" if said.status_code == 202 else "nobody to say it"] += 1
                if said.status_code == 202 and self.random.random() < 1 / 3:
                    await asyncio.sleep(self.random.uniform(0.1, 2.0))
                    await self.http.post(f"/api/interrupt?session={session}")
                    self.counts["interrupts"] += 1


class Refused(Exception):  # noqa: N818 - the server's good right
    """There was no seat, or the session ended."""


def _cut(peer: Any) -> None:
    """Close the sockets of a connection, so that nothing more is said or answered."""
    ways = {transceiver.sender.transport.transport._connection for transceiver in peer.getTransceivers()}
    for protocol in (one for way in ways for one in way._protocols):
        protocol.transport.abort()
        protocol.transport = _Gone()


class _Gone:
    """Where nothing arrives; aiortc goes on sending until it is closed."""

    def sendto(self, *_: object) -> None:
        """Send nothing."""

    def close(self) -> None:
        """Nothing is open."""


def main(words: list[str]) -> None:
    """Let them come; print what they saw."""
    address, factor, seconds, seed, wav = words
    logging.disable(
        logging.CRITICAL
    )  # aioice's about its own sockets that were cut; visits that fail are counted
    loop = FastLoop(FastClock(float(factor)))
    visitors = Visitors(address, Path(wav).read_bytes(), int(seed))
    loop.run_until_complete(visitors.come(float(seconds)))
    print(json.dumps(visitors.counts))


if __name__ == "__main__":
    main(sys.argv[1:])
