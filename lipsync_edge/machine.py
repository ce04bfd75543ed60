"""Facts of this machine and process: processor, its flags, cores, memory, versions, load."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "lipsync-edge",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "numpy",
    "opencv-python-headless",
    "av",
)
FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX VNNI",
    "amx_int8": "AMX int8",
    "asimd": "NEON",
    "asimddp": "NEON dot product",
}
CPUINFO = Path("/proc/cpuinfo")
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine a benchmark ran on.

    Attributes:
        processor: its name.
        architecture: e.g. "x86_64".
        system: operating system and release.
        python: version.
        cores: that this process may use.
        memory_mb: of the machine, or None where it is not told.
        flags: those of `FLAGS` that the processor has; None where they cannot be read (not Linux).
        versions: package → version, of those installed.
        load: load average of the last minute at the start, or None; above 0.5 a core figures are too low.
    """

    processor: str
    architecture: str
    system: str
    python: str
    cores: int
    memory_mb: int | None
    flags: tuple[str, ...] | None
    versions: dict[str, str]
    load: float | None

    @property
    def busy(self) -> bool:
        """Whether other work takes so much of the processor that figures are too low."""
        return self.load is not None and self.load > 0.5 * self.cores

    @property
    def key(self) -> str:
        """Hash of everything that a recommendation depends on: all but the load."""
        fields = {name: value for name, value in asdict(self).items() if name != "load"}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def this_machine() -> Machine:
    """Look at this machine."""
    text = CPUINFO.read_text("utf-8", "replace") if CPUINFO.is_file() else ""
    return Machine(
        processor=processor_name(text) or platform.processor() or "unknown",
        architecture=platform.machine(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        cores=usable_cores(),
        memory_mb=_memory_mb(),
        flags=cpu_flags(text),
        versions=_versions(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name(cpuinfo: str) -> str:
    """Return the processor's name out of the text of /proc/cpuinfo, or ""."""
    names = [line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else ""


def cpu_flags(cpuinfo: str) -> tuple[str, ...] | None:
    """Return the flags of `FLAGS` out of the text of /proc/cpuinfo; None when it lists none at all."""
    lines = [line for line in cpuinfo.splitlines() if line.lower().startswith(("flags", "features"))]
    if not lines:
        return None
    have = set(lines[0].split(":", 1)[1].split())
    return tuple(said for flag, said in FLAGS.items() if flag in have)


def resident_bytes() -> int:
    """Return how much memory of this process is resident, in bytes; 0 where the system does not tell."""
    try:
        return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def peak_memory_mb() -> float | None:
    """Return the peak resident memory of this process in MiB, or None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _memory_mb() -> int | None:
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)
    except (AttributeError, ValueError, OSError):
        return None


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
