"""Bad network between two namespaces of this machine, in user space: packets are lost, late, and slowed down.

    python -m benchmarks.live.link NAME_A NAME_B [--loss 0.02] [--jitter-ms 200] [--seed 1]

Where the kernel's netem is not built in. Two network namespaces that exist get a TUN device each, 10.77.0.1 and
10.77.0.2; this process carries every packet from one to the other, both ways: each is lost with a probability, and held
for a time drawn evenly from 0 to the jitter, so that packets overtake each other as netem's do. A line of standard
input is a number of kilobits a second: each direction carries no more from then on; what would wait for more than a
quarter of a second is dropped, as in a router's queue. Prints "ready"; ends when its standard input does, with a line
of counts. It needs root.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

NETNS = Path("/var/run/netns")
ADDRESSES = "10.77.0.1", "10.77.0.2"
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
QUEUE_S = 0.25
MTU = 1500


def enter(name: str) -> None:
    """Put this thread into a network namespace; OSError where that is not allowed."""
    with (NETNS / name).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {name}")


def open_tun(namespace: str, address: str) -> int:
    """Make the device "tun0" in a namespace, with an address of a net of two; return its file descriptor."""
    enter(namespace)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    for words in (f"addr add {address}/30 dev tun0", "link set tun0 up", "link set lo up"):
        subprocess.run(["ip", *words.split()], check=True)
    return tun


@dataclass(slots=True)
class Way:
    """One direction of the link.

    Args:
        to: file descriptor that packets are written to.
        loss: probability, 0 to 1.
        jitter_s: longest hold.
        chance: of all draws.
        bytes_a_second: what it carries; 0: as much as comes.
    """

    to: int
    loss: float
    jitter_s: float
    chance: random.Random
    bytes_a_second: float = 0.0
    packets: int = 0
    lost: int = 0
    overflowed: int = 0
    free_at: float = 0.0
    held: list[tuple[float, int, bytes]] = field(default_factory=list)

    def take(self, packet: bytes, now: float) -> None:
        """Lose a packet, or hold it."""
        self.packets += 1
        if self.chance.random() < self.loss:
            self.lost += 1
            return
        due = now
        if self.bytes_a_second:
            if self.free_at - now > QUEUE_S:
                self.overflowed += 1
                return
            self.free_at = due = max(now, self.free_at) + len(packet) / self.bytes_a_second
        heapq.heappush(self.held, (due + self.chance.uniform(0.0, self.jitter_s), self.packets, packet))

    def give(self, now: float) -> float:
        """Hand on what is due; return seconds until the next packet is, or one second."""
        while self.held and self.held[0][0] <= now:
            try:
                os.write(self.to, heapq.heappop(self.held)[2])
            except BlockingIOError:
                self.overflowed += 1
        return min(1.0, self.held[0][0] - now) if self.held else 1.0


def carry(ways: dict[int, Way]) -> None:
    """Carry packets, by the file descriptor they are read from, until standard input ends."""
    end = sys.stdin.fileno()
    while True:
        now = time.monotonic()
        wait = min(way.give(now) for way in ways.values())
        ready, _, _ = select.select([*ways, end], [], [], max(0.0, wait))
        if end in ready:
            line = os.read(end, 100).decode().split()
            if not line:
                return
            for way in ways.values():
                way.bytes_a_second = float(line[-1]) * 125
        for source in (one for one in ready if one != end):
            ways[source].take(os.read(source, 2 * MTU), time.monotonic())


def main() -> None:
    """Open the devices, carry packets, print counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs=2)
    parser.add_argument("--loss", type=float, default=0.02)
    parser.add_argument("--jitter-ms", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tuns = [open_tun(name, address) for name, address in zip(options.names, ADDRESSES, strict=True)]
    chance = random.Random(options.seed)
    way = [Way(to, options.loss, options.jitter_ms / 1000, chance) for to in tuns[::-1]]
    print("ready", flush=True)
    carry(dict(zip(tuns, way, strict=True)))
    print(
        json.dumps([{"packets": one.packets, "lost": one.lost, "overflowed": one.overflowed} for one in way])
    )


if __name__ == "__main__":
    main()
