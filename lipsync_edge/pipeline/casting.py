"""Casting: who in the film is who, found out before anything is made.

One person is found by the tracker itself, in the first frame that shows a face. Where several are named, the film is
looked through until a frame shows them all, each another face, and a little further, so that the tracker knows what
they look like from its first frame on, whoever comes first. A person named by a picture is looked for until somebody
looks like it. For "all" the whole film is looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np

from lipsync_edge.errors import NoFaceError, UsageError
from lipsync_edge.face.identity import choose, parse_choice
from lipsync_edge.face.looks import Looks
from lipsync_edge.face.options import FindFaces, TrackOptions
from lipsync_edge.face.people import People, Wanted
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.face.tracker import Tracker, looks_in
from lipsync_edge.pipeline.job import Job, track_options
from lipsync_edge.pipeline.voices import ALL, Part, is_picture
from lipsync_edge.types import F32, U8, Boxes
from lipsync_edge.video.reader import VideoReader, read_still

STEP_S = Fraction(1, 5)  # between two frames that are looked at
FURTHER = 5  # looks at the film after everybody was found
MOST = 8  # people whom "all" drives
SEEN = 2  # looks in which somebody must have been seen, for "all"

Probe = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Who is followed.

    Attributes:
        wanted: everybody who is; the number of each is their identity.
        part_of: number of the part of each.
        who: what each is called.
        looks: tells them apart.
    """

    wanted: tuple[Wanted, ...]
    part_of: tuple[int, ...]
    who: tuple[str, ...]
    looks: Looks

    @property
    def key(self) -> list[list[str]]:
        """What decides who is followed, as JSON holds it."""
        known = (b"" if one.looks is None else one.looks.tobytes() for one in self.wanted)
        return [
            [self.looks.name, one.rule, sha256(looks).hexdigest()]
            for one, looks in zip(self.wanted, known, strict=True)
        ]

    def tracker(self, options: TrackOptions, find_faces: FindFaces) -> Tracker:
        """Return a fresh tracker of these people."""
        return Tracker(options, find_faces, self.wanted, self.looks)


def cast(job: Job, looks: Looks, probe: Probe = nullcontext) -> Cast:
    """Find out who is who.

    Args:
        job: says who speaks.
        looks: tells people apart.
        probe: gives a context manager that is entered round the work.

    Raises:
        NoFaceError: somebody is not in the film, or their picture shows no face.
        UsageError: two names are one person.
    """
    with probe():
        if not job.is_for_several:
            return Cast((_named(job, job.parts[0], looks),), (0,), (job.parts[0].who,), looks)
        return _Casting(job, looks).cast()


def _named(job: Job, part: Part, looks: Looks) -> Wanted:
    if not is_picture(part.who):
        return Wanted(part.who)
    side = track_options(job.renderer.preset, job.options).side
    return Wanted("largest", looks_in(read_still(Path(part.who)), job.detector, side, looks))


class _Casting:
    """One look through a film."""

    def __init__(self, job: Job, looks: Looks) -> None:
        self._job, self._looks = job, looks
        self._options = track_options(job.renderer.preset, job.options)
        self._names = [part.who for part in job.parts if part.who != ALL]
        self._known: dict[str, F32] = {}  # what people look like
        self._seen = {who: not is_picture(who) for who in self._names}  # a rule sees whom it finds
        for part in job.parts:
            if is_picture(part.who):
                found = _named(job, part, looks).looks
                assert found is not None, "a picture has looks"
                self._known[part.who] = found
        self._most = 0  # faces in one frame

    def cast(self) -> Cast:
        """Look through the film as far as needed."""
        pictures = self._pictures()
        for picture, _ in pictures:
            if self._all_are_found(picture):
                break
        self._check_found()
        self._check_different()
        people = People([Wanted(looks=self._known[who]) for who in self._names], self._looks)
        rest = [part.who for part in self._job.parts].index(ALL) if self._wants_all else None
        for count, (picture, is_cut) in enumerate(self._pictures() if self._wants_all else pictures):
            if is_cut:
                people.new_shot()
            people.find(picture, self._faces(picture))
            if not self._wants_all and count + 1 >= FURTHER:
                break
        wanted = [Wanted(looks=np.stack(one.looks)) for one in people.followed]
        who, part_of = [*self._names], [self._part(name) for name in self._names]
        if rest is not None:
            least = 1 if self._job.video.still else SEEN
            others = [one for one in people.others if one.times >= least][:MOST]
            wanted += [Wanted(looks=np.stack(one.looks)) for one in others]
            who += [f"{ALL} {k}" for k in range(len(others))]
            part_of += [rest] * len(others)
        if not wanted:
            raise self._nobody()
        return Cast(tuple(wanted), tuple(part_of), tuple(who), self._looks)

    @property
    def _wants_all(self) -> bool:
        return any(part.who == ALL for part in self._job.parts)

    def _part(self, who: str) -> int:
        return [part.who for part in self._job.parts].index(who)

    def _pictures(self) -> Iterator[tuple[U8, bool]]:
        """Give frames of the film a fifth of a second apart, and whether a shot began since the last one."""
        job = self._job
        if job.video.still:
            yield read_still(job.face, job.background), True
            return
        end = None if job.total is None else float(job.start + Fraction(job.total) / job.video.fps)
        cuts, due, is_cut = CutDetector(), Fraction(0), False
        for frame in VideoReader(job.face, end=end, track=job.video.track, background=job.background):
            is_cut = cuts.push(frame.image_bgr) or is_cut
            if frame.time >= due:
                due = frame.time + STEP_S
                yield frame.image_bgr, is_cut
                is_cut = False

    def _faces(self, picture_bgr: U8) -> Boxes:
        return self._job.detector([picture_bgr], self._options.side)[0]

    def _all_are_found(self, picture_bgr: U8) -> bool:
        """Look at one frame; whether everybody who has a name is known and was seen."""
        if len(self._known) == len(self._names) and all(self._seen.values()):
            return True
        boxes = self._faces(picture_bgr)
        self._most = max(self._most, len(boxes))
        if not len(boxes):
            return False
        looks = self._looks(picture_bgr, boxes)
        taken = self._find_known(looks)
        rules = [who for who in self._names if who not in self._known]
        free = [i for i in range(len(boxes)) if i not in taken]
        chosen = _together(_part_of(boxes, free), rules)
        if chosen is not None:
            self._known |= {who: looks[free[i]][None] for who, i in zip(rules, chosen, strict=True)}
        return len(self._known) == len(self._names) and all(self._seen.values())

    def _find_known(self, looks: F32) -> set[int]:
        """Note who of those with pictures is there; return which faces they are."""
        taken = set()
        for who, known in self._known.items():
            alike = (looks @ known.T).max(1)
            best = int(np.argmax(alike))
            if alike[best] > self._looks.same:
                self._seen[who] = True
                taken.add(best)
        return taken

    def _check_found(self) -> None:
        missing = [who for who in self._names if who not in self._known or not self._seen[who]]
        if not missing:
            return
        pictures = [who for who in missing if is_picture(who)]
        if pictures:
            raise NoFaceError(
                expected=f"the person of {Path(pictures[0]).name} in {self._job.face.name}",
                got="nobody who looks like that",
                fix="take a picture out of the film, or name them left, right or by an index",
            )
        raise NoFaceError(
            expected=f"{' and '.join(missing)} in one frame of {self._job.face.name}, each another face",
            got=f"at most {self._most} face{'s' * (self._most != 1)} in a frame",
            fix="name people who are seen together, or name them by pictures",
        )

    def _check_different(self) -> None:
        names = self._names
        for k, who in enumerate(names):
            for other in names[:k]:
                if not (is_picture(who) and is_picture(other)):
                    continue
                alike = float((self._known[who] @ self._known[other].T).max())
                if alike > self._looks.same:
                    raise UsageError(
                        expected="another person for every voice",
                        got=f"one who looks the same in {Path(other).name} and {Path(who).name}",
                    )

    def _nobody(self) -> NoFaceError:
        return NoFaceError(expected=f"a face in {self._job.face.name}", got="none")


def _part_of(boxes: Boxes, chosen: Sequence[int]) -> Boxes:
    return Boxes(boxes.xyxy[[*chosen]], boxes.score[[*chosen]])


def _together(boxes: Boxes, rules: Iterable[str]) -> list[int] | None:
    """Which faces of one frame the rules pick; None where there are too few, or two pick one."""
    picked = [choose(boxes, parse_choice(rule)) for rule in rules]
    found = [i for i in picked if i is not None]
    return found if len(found) == len(picked) == len(set(found)) else None
