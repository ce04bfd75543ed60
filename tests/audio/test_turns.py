"""Turns: files that say who speaks when, and the gain that they give each moment."""

import json
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.audio.diarisation import read_turns
from lipsync_edge.audio.turns import EDGE_S, FADE_S, Turn, Turns, speech_turns
from lipsync_edge.errors import InputError

RTTM = """;; a comment
SPKR-INFO talk 1 <NA> <NA> <NA> unknown ANNA <NA> <NA>
SPEAKER talk 1 0.50 1.25 <NA> <NA> ANNA <NA> <NA>

SPEAKER talk 1 1.50 2.00 <NA> <NA> BEN <NA>
"""
TURNS = [Turn("ANNA", 0.5, 1.75), Turn("BEN", 1.5, 3.5)]


def written(folder: Path, text: str | bytes, name: str = "talk.rttm") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_rttm_is_read(tmp_path: Path) -> None:
    assert read_turns(written(tmp_path, RTTM)) == TURNS
    assert read_turns(written(tmp_path, "\ufeff" + RTTM.replace("\n", "\r\n"))) == TURNS


@pytest.mark.parametrize(
    "wrap", [lambda turns: turns, lambda turns: {"turns": turns}, lambda turns: {"segments": turns}]
)
@pytest.mark.parametrize("name", ["talk.json", "talk.txt"])
def test_json_is_read(tmp_path: Path, wrap: object, name: str) -> None:
    turns = [{"speaker": "ANNA", "start": 0.5, "end": 1.75}, {"speaker": "BEN", "start": 1.5, "duration": 2}]
    assert read_turns(written(tmp_path, json.dumps(wrap(turns)), name)) == TURNS  # type: ignore[operator]


def test_of_several_files_in_one_rttm_the_sounds_own_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, RTTM + "SPEAKER other 1 0 9 <NA> <NA> CARL <NA> <NA>\n", "all.rttm")
    assert read_turns(path, "talk") == TURNS
    with pytest.raises(InputError, match="one called music.*other, talk"):
        read_turns(path, "music")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("SPEAKER talk 1 0.5", "line 2 of talk.rttm"),
        ("SPEAKER talk 1 half 1.0 <NA> <NA> A <NA> <NA>", "start of 0 seconds or more in line 2.*'half'"),
        ("SPEAKER talk 1 1.0 -2 <NA> <NA> A <NA> <NA>", "length of 0 seconds or more in line 2.*'-2'"),
        ("SPEAKER talk 1 nan 2 <NA> <NA> A <NA> <NA>", "line 2.*'nan'"),
        ("SPEAKER talk 1 1 inf <NA> <NA> A <NA> <NA>", "line 2.*'inf'"),
        ("WORD talk 1 1 1 <NA> <NA> A <NA> <NA>", "line 2.*'WORD"),
        ("0.5 1.0 ANNA", "SPEAKER file 1 start length.*line 2"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str, match: str) -> None:
    good = "SPEAKER talk 1 0 1 <NA> <NA> A <NA> <NA>\n"
    with pytest.raises(InputError, match=match):
        read_turns(written(tmp_path, good + line))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ('[{"speaker": "A", "start": 1}]', "turn 1 of talk.json"),
        ('[{"start": 1, "end": 2}]', "speaker.*turn 1"),
        ('[{"speaker": "A", "start": 1, "end": 2, "duration": 1}]', "either"),
        ('[{"speaker": "A", "start": 2, "end": 1}]', "2 to 1 s"),
        ('[{"speaker": "A", "start": true, "end": 1}]', "start"),
        ('[{"speaker": "A", "start": "x", "end": 1}]', "'x'"),
        ('{"words": []}', "a list of turns"),
        ("[3]", "turn 1"),
        ("{", "JSON in talk.json"),
        ("[]", "turns in talk.json.*none"),
    ],
)
def test_json_that_is_wrong_is_named(tmp_path: Path, content: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_turns(written(tmp_path, content, "talk.json"))


def test_files_that_cannot_be_turns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_turns(tmp_path / "none.rttm")
    with pytest.raises(InputError, match="directory"):
        read_turns(tmp_path)
    with pytest.raises(InputError, match="UTF-8"):
        read_turns(written(tmp_path, b"\xff\xfe\x00"))
    with pytest.raises(InputError, match="turns in talk.rttm.*none"):
        read_turns(written(tmp_path, ";; nothing\n"))


def test_the_gain_is_one_in_a_turn_and_falls_at_its_edges() -> None:
    turns = Turns([Turn("A", 1.0, 2.0), Turn("A", 5.0, 6.0)])
    assert turns.gain([0.0, 1.0, 1.5, 2.0, 3.0, 5.5, 9.0]).tolist() == [0, 1, 1, 1, 0, 1, 0]
    half = EDGE_S + FADE_S / 2
    assert turns.gain([1 - half, 2 + half]) == pytest.approx([0.5, 0.5])
    assert turns.gain(np.zeros(0)).shape == (0,)
    assert Turns([]).gain([0.0, 1.0]).tolist() == [0, 0]


def test_overlapping_and_touching_turns_are_one() -> None:
    assert Turns([Turn("A", 2, 3), Turn("B", 0, 1), Turn("A", 0.5, 1.9)]).spans == [(0, 3)]
    assert (Turns([Turn("A", 0, 1), Turn("A", 1.1, 2)]).gain([1.05]) == 1).all()


def test_a_pause_is_no_rest() -> None:
    turns = Turns([Turn("A", 0, 1), Turn("A", 1.8, 2.5), Turn("A", 6, 7)])
    assert [turns.rests(t) for t in (0.5, 1.4, 2.0, 4.0, 6.5, 9.0)] == [
        False,
        False,
        False,
        True,
        False,
        True,
    ]


def test_turns_of_what_is_heard() -> None:
    assert speech_turns(np.array([0, 0, 1, 0.5, 0, 1]), 2.0, "A") == [Turn("A", 1, 2), Turn("A", 2.5, 3)]
    assert speech_turns(np.zeros(9), 2.0, "A") == []


def test_a_number_beyond_all_floats_is_no_time(tmp_path: Path) -> None:
    path = tmp_path / "turns.json"
    path.write_text(f'[{{"speaker": "a", "start": 0, "end": {10**400}}}]')
    with pytest.raises(InputError, match="an? end of 0 seconds or more in turn 1"):
        read_turns(path)
