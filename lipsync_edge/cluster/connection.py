"""A Ray cluster: joining it, or an error that says why that cannot be."""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any
from urllib.parse import urlsplit

from lipsync_edge.errors import DeviceError, UsageError

LOCAL = "local"  # a cluster of this machine alone, for trying out
_ANSWER_S = 5.0
_NAMESPACE = "lipsync-edge"


def ray_module() -> Any:
    """Return Ray.

    Raises:
        DeviceError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise DeviceError(
            expected="Ray for --ray", got="it is not installed", fix='pip install "lipsync-edge[cluster]"'
        ) from error
    return ray


@contextmanager
def joined(address: str) -> Iterator[Any]:
    """Join a cluster and leave it again; give Ray.

    Args:
        address: "auto" for the one that this machine is a node of, HOST:PORT, ray://HOST:PORT, or "local".

    Raises:
        DeviceError: there is none, or it runs another version of Ray or Python.
    """
    ray = ray_module()
    _check_answers(address)
    already = ray.is_initialized()
    if not already:
        where = {
            "address": address
        }  # "local" is Ray's word, too: a fresh one, though there may be one already
        try:
            ray.init(
                **where,
                namespace=_NAMESPACE,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
            )
        except Exception as error:  # Ray has many for this
            raise _no_cluster(address, str(error)) from error
    try:
        with redirect_stdout(sys.stderr or io.StringIO()):  # Ray tells of workers that died on stdout
            yield ray
    finally:
        if not already:
            ray.shutdown()


def _check_answers(address: str) -> None:
    """Knock at the door: Ray itself waits for minutes."""
    if address in ("auto", LOCAL):
        return
    parts = urlsplit(address if "://" in address else f"ray-gcs://{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise UsageError(expected="--ray auto, local, HOST:PORT or ray://HOST:PORT", got=repr(address))
    try:
        socket.create_connection((host, port), timeout=_ANSWER_S).close()
    except OSError as error:
        raise _no_cluster(address, str(error.strerror or error)) from error


def _no_cluster(address: str, why: str) -> DeviceError:
    return DeviceError(
        expected=f"a Ray cluster at {address}",
        got=" ".join(why.split())[:200] or "no answer",
        fix="start one with: ray start --head, or use --ray local",
    )
