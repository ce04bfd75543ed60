"""The people of a film: who of them each face is, shot after shot; those who are followed and everybody else.

All faces of a picture are told apart at once: by how alike they are to what is remembered of everybody, and by where
everybody was a moment ago. Who is not followed is remembered too, so that nobody is taken for another who is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync_edge.face.assignment import assign
from lipsync_edge.face.identity import choose, iou_with, nearness, parse_choice
from lipsync_edge.face.looks import Looks
from lipsync_edge.face.person import Person
from lipsync_edge.types import F32, U8, Boxes

NEAR = 0.3  # what being at the person's last place counts, beside likeness
FORGOTTEN = 8  # looks at the film after which the last place counts no more
MOST_OTHERS = 12  # people remembered beside those who are followed
_HERE = 0.5  # overlap with the last place
_TOUCH = 0.05  # overlap with another's face: what is seen may be either's
_AGAIN = 8  # looks after which somebody who is alone is looked at anew


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Somebody who is to be followed.

    Attributes:
        rule: "largest", "left", "right", or an index from the left, as text: how they are found where nothing is known
            of their looks.
        looks: float32 (k, d), what they look like in k pictures; None: the rule finds them.
    """

    rule: str = "largest"
    looks: F32 | None = None


class People:
    """Everybody in a film.

    Args:
        wanted: who is followed; several must be known by their looks.
        looks: tells people apart.

    Attributes:
        followed: those who are wanted.
        others: everybody else who was seen, in the order in which they came.
    """

    def __init__(self, wanted: Sequence[Wanted], looks: Looks) -> None:
        self._looks = looks
        self._rules = [parse_choice(one.rule) for one in wanted]
        self._by_rule = len(wanted) == 1 and wanted[0].looks is None
        self.followed = [
            Person([] if one.looks is None else [*one.looks], 0 if one.looks is None else len(one.looks))
            for one in wanted
        ]
        self.others: list[Person] = []
        self._count = 0
        self._answer: tuple[U8 | None, list[int | None]] = (None, [])

    def new_shot(self) -> None:
        """Forget where everybody was, but not how they look."""
        for person in self._everybody:
            person.new_shot()
        self._answer = (None, [])

    def find(self, frame_bgr: U8, boxes: Boxes) -> list[int | None]:
        """Return which face of a frame each followed person is, None: not there; and remember everybody.

        Asked again of the same frame it gives the same answer.
        """
        seen, answer = self._answer
        if seen is not frame_bgr:
            answer = self._find(frame_bgr, boxes)
            self._answer = (frame_bgr, answer)
        return answer

    def may_be(self, k: int, frame_bgr: U8, boxes: Boxes) -> F32:
        """Return how well each face may be followed person `k`, float32 (n,), 0 where it is rather another's.

        Nothing is remembered. Where nobody else is known everything may be: 1.
        """
        if len(self._everybody) == 1 or not len(boxes):
            return np.ones(len(boxes), np.float32)
        alike = self._alike(self._looks(frame_bgr, boxes))
        mine, rest = alike[k], np.delete(alike, k, axis=0).max(0)
        return np.asarray(np.where((mine > self._looks.other) & (mine > rest), mine, 0.0), np.float32)

    @property
    def _everybody(self) -> list[Person]:
        return [*self.followed, *self.others]

    def _find(self, frame_bgr: U8, boxes: Boxes) -> list[int | None]:
        self._count += 1
        if not len(boxes):
            found: list[int | None] = [None] * len(self._everybody)
        elif self._is_alone(boxes):
            found = [0] + [None] * len(self.others)
            if self._count % _AGAIN == 0:
                self.followed[0].absorb(self._looks(frame_bgr, boxes)[0])
        else:
            found = self._tell_apart(frame_bgr, boxes)
        for person, i in zip(self._everybody, found, strict=True):
            if i is None:
                person.missed += 1
            else:
                person.put(frame_bgr, boxes, i, self._count)
        self._forget_somebody()
        return found[: len(self.followed)]

    def _is_alone(self, boxes: Boxes) -> bool:
        """Whether the one face there is lies where the one person is who is followed: nobody to mix up with."""
        last = self.followed[0].last if len(self.followed) == 1 else None
        return (
            len(boxes) == 1
            and last is not None
            and bool(iou_with(boxes.xyxy, last)[0] > _HERE)
            and all(one.last is None for one in self.others)
        )

    def _tell_apart(self, frame_bgr: U8, boxes: Boxes) -> list[int | None]:
        looks = self._looks(frame_bgr, boxes)
        alike = self._alike(looks)
        found = assign(self._scores(boxes, alike))
        if self._by_rule and found[0] is None and self.followed[0].last is None:
            found[0] = self._choose(boxes, [i for i in found[1:] if i is not None])
        self._absorb(boxes, looks, alike, found)
        return found + self._meet(boxes, looks, alike, found)

    def _choose(self, boxes: Boxes, taken: list[int]) -> int | None:
        """Find the one person by their rule among the faces that are nobody's, where nobody looks like them."""
        free = [i for i in range(len(boxes)) if i not in taken]
        among = Boxes(boxes.xyxy[free], boxes.score[free])
        chosen = choose(among, self._rules[0])
        return None if chosen is None else free[chosen]

    def _alike(self, looks: F32) -> F32:
        """Likeness of everybody to every face, float32 (people, n)."""
        of_each = [person.likeness(looks) for person in self._everybody]
        return np.stack(of_each) if of_each else np.zeros((0, len(looks)), np.float32)

    def _scores(self, boxes: Boxes, alike: F32) -> F32:
        """How much speaks for each person being each face, float32 (people, n); 0 or less: they are not."""
        same, other = self._looks.same, self._looks.other
        scores = alike - same
        for k, person in enumerate(self._everybody):
            if person.last is None:
                continue
            fresh = max(0.0, 1.0 - person.missed / FORGOTTEN)
            near = nearness(boxes.xyxy, person.last) * np.float32(fresh)
            here = alike[k] - other + NEAR * near
            scores[k] = np.where((near > 0) & (alike[k] > other), np.maximum(here, scores[k]), scores[k])
            i = self._only_one_near(boxes, k)
            if i is not None and person.missed == 0:
                scores[k, i] = max(scores[k, i], here[i], 0.02)
        return np.asarray(scores, np.float32)

    def _only_one_near(self, boxes: Boxes, k: int) -> int | None:
        """The face at person `k`'s last place, if no other face is near it and nobody else was.

        It lies there but for its own motion; where it is the only face of all, it may have moved farther.
        """
        last = self._everybody[k].last
        assert last is not None, "the person was not seen in this shot"
        near = np.flatnonzero(nearness(boxes.xyxy, last) > 0)
        if len(near) != 1:
            return None
        places = [one.last for j, one in enumerate(self._everybody) if j != k and one.last is not None]
        if places and nearness(np.stack(places), boxes.xyxy[near[0]]).max() > 0:
            return None
        sure = (len(boxes) == 1 and not places) or iou_with(boxes.xyxy[near], last)[0] > _HERE
        return int(near[0]) if sure else None

    def _absorb(self, boxes: Boxes, looks: F32, alike: F32, found: list[int | None]) -> None:
        """Remember more pictures of those who were found and cannot be anybody else."""
        for k, (person, i) in enumerate(zip(self._everybody, found, strict=True)):
            if i is None:
                continue
            rest = np.delete(alike[:, i], k)
            mixed_up = bool(len(rest)) and rest.max() > min(self._looks.same, alike[k, i])
            if not person.looks or not (mixed_up or self._is_touched(boxes, i)):
                person.absorb(looks[i])

    def _meet(self, boxes: Boxes, looks: F32, alike: F32, found: list[int | None]) -> list[int | None]:
        """Get to know the faces that are nobody's; return their numbers.

        They are like nobody, or all whom they are like are seen elsewhere in this very picture: nobody is there twice.
        """
        away = np.array([i is None for i in found], bool)
        met: list[int | None] = [
            i
            for i in range(len(looks))
            if i not in found
            and not (away & (alike[:, i] > self._looks.other)).any()
            and (alike[:, i].max(initial=-1.0) <= self._looks.other or not self._is_touched(boxes, i))
        ]
        self.others += [Person([looks[i]]) for i in met if i is not None]
        return met

    def _is_touched(self, boxes: Boxes, i: int) -> bool:
        """Whether another face lies before or behind face `i`, or is a second box of it."""
        return bool(np.delete(iou_with(boxes.xyxy, boxes.xyxy[i]), i).max(initial=0.0) > _TOUCH)

    def _forget_somebody(self) -> None:
        """Keep those who were seen last."""
        if len(self.others) > MOST_OTHERS:
            last = sorted(self.others, key=lambda one: -one.seen)[:MOST_OTHERS]
            self.others = [one for one in self.others if one in last]


class Followed:
    """One of the people who are followed, as their own tracker sees them."""

    def __init__(self, people: People, k: int) -> None:
        self._people, self._k = people, k

    def find(self, frame_bgr: U8, boxes: Boxes) -> int | None:
        """Return the index of the person among the faces of a frame; None: not there."""
        return self._people.find(frame_bgr, boxes)[self._k]

    def may_be(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """Return how well each face may be the person, float32 (n,), 0 where it is rather another's."""
        return self._people.may_be(self._k, frame_bgr, boxes)

    def is_at(self, frame_bgr: U8, face: Boxes) -> bool:
        """Whether the one face given still looks like the person, and like nobody else."""
        still = self._people.followed[self._k].is_at(frame_bgr, face)
        return still and bool(self.may_be(frame_bgr, face)[0] > 0)
