"""Workers on a Ray cluster; one that dies, or whose node does, costs its attempt and is replaced."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.maker import MakerSetup, Trouble
from lipsync_edge.batch.pool import Event
from lipsync_edge.cluster.actor import Worker
from lipsync_edge.cluster.placement import Placement
from lipsync_edge.errors import DeviceError

ROOM_S = 300.0  # that a cluster may take until a first worker is there; machines may have to be started
PROGRESS_S = 1.0
_DIED = 137  # exit code of a job whose worker is gone


@dataclass(slots=True)
class _Actor:
    handle: Any
    ready: Any  # the answer that it is there, until it came
    job: BatchJob | None = None
    made: Any = None  # the answer to `attempt`


class RayPool:
    """Actors of a cluster that was joined; see `lipsync_edge.batch.pool.Pool`.

    Args:
        ray: the module.
        workers: how many; those for which there is no room wait for it.
        setup: of all of them.
        placement: what each takes of its node.
        room_s: seconds to wait for a first worker.
    """

    def __init__(
        self, ray: Any, workers: int, setup: MakerSetup, placement: Placement, room_s: float = ROOM_S
    ) -> None:
        self._ray, self._workers, self._room_s = ray, workers, room_s
        self._setup = ray.put(setup)
        self._actor = ray.remote(Worker).options(
            num_cpus=placement.cpus,
            num_gpus=placement.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=2,
        )
        self._placement = placement
        self._actors: list[_Actor] = []
        self._waits_since = time.monotonic()
        self._told = 0.0

    @property
    def workers(self) -> int:
        """How many were asked for."""
        return self._workers

    @property
    def idle(self) -> int:
        """How many are there and wait for a job."""
        self._greet()
        return sum(actor.ready is None and actor.job is None for actor in self._actors)

    def give(self, job: BatchJob) -> None:
        """Give a job to a worker that waits."""
        actor = next(one for one in self._actors if one.ready is None and one.job is None)
        actor.job, actor.made = job, actor.handle.attempt.remote(job)

    def wait(self, timeout_s: float) -> list[Event]:
        """Return what the workers told; a dead one told that its job failed."""
        answers = [one.made for one in self._actors if one.job is not None]
        answers += [one.ready for one in self._actors if one.ready is not None]
        if not answers:
            time.sleep(timeout_s)
            return []
        self._ray.wait(answers, num_returns=1, timeout=timeout_s)
        self._greet()
        events = [event for actor in list(self._actors) for event in self._ended(actor)]
        return events or self._progress()

    def _ended(self, actor: _Actor) -> list[Event]:
        if actor.job is None or not self._has_come(actor.made):
            return []
        job, answer = actor.job, actor.made
        actor.job = actor.made = None
        try:
            return [Event(job, self._ray.get(answer))]
        except self._ray.exceptions.RayActorError as error:
            self._replace(actor)
            return [Event(job, Trouble(exit_code=_DIED, error=_first_line(error)))]
        except self._ray.exceptions.RayError as error:
            return [Event(job, Trouble(exit_code=1, error=_first_line(error)))]

    def _progress(self) -> list[Event]:
        """Ask the busy ones how far they are, now and then."""
        if time.monotonic() - self._told < PROGRESS_S:
            return []
        self._told = time.monotonic()
        busy = [(one.job, one.handle.frames.remote()) for one in self._actors if one.job is not None]
        events = []
        ready, _ = (
            self._ray.wait([answer for _, answer in busy], num_returns=len(busy), timeout=0.2)
            if busy
            else ([], [])
        )
        for job, answer in busy:
            if answer in ready:
                try:
                    events.append(Event(job, self._ray.get(answer)))
                except self._ray.exceptions.RayError:  # `_ended` hears of it, too
                    continue
        return events

    def _greet(self) -> None:
        """Note who is there by now; start anew whoever died before."""
        for actor in list(self._actors):
            if actor.ready is not None and self._has_come(actor.ready):
                try:
                    self._ray.get(actor.ready)
                    actor.ready = None
                except self._ray.exceptions.RayActorError as error:
                    if "Error" in type(getattr(error, "cause", None)).__name__:
                        raise DeviceError(expected="workers that start", got=_first_line(error)) from error
                    self._replace(actor)
        if any(actor.ready is None for actor in self._actors):
            self._waits_since = time.monotonic()
        elif time.monotonic() - self._waits_since > self._room_s:
            raise DeviceError(
                expected=f"room for a worker of {self._placement.cpus:g} CPUs and {self._placement.gpus:g} GPUs",
                got=f"none in {self._room_s:.0f} s on a cluster of {_resources(self._ray)}",
                fix="add nodes, or ask for less with --cpus and --gpus",
            )

    def _has_come(self, answer: Any) -> bool:
        return bool(self._ray.wait([answer], timeout=0)[0])

    def _replace(self, actor: _Actor) -> None:
        self._actors[self._actors.index(actor)] = self._started()

    def _started(self) -> _Actor:
        handle = self._actor.remote(self._setup)
        return _Actor(handle, handle.ready.remote())

    def __enter__(self) -> RayPool:
        """Ask for the workers."""
        self._actors = [self._started() for _ in range(self._workers)]
        self._waits_since = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the workers."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors = []


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def _resources(ray: Any) -> str:
    found = ray.cluster_resources()
    return f"{found.get('CPU', 0):g} CPUs and {found.get('GPU', 0):g} GPUs"
