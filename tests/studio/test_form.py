"""The page asks what `run` takes, by the same names and with the same help, and reads answers as `run` does."""

import inspect
from pathlib import Path

import pytest

from lipsync_edge.choices import LOOPS, MOUTHS
from lipsync_edge.cli.batch import NOT_IN_ROWS, long_name
from lipsync_edge.cli.run import run
from lipsync_edge.cli.studio import NOT_ASKED, NOT_OFFERED, form_of
from lipsync_edge.errors import UsageError
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import preset_names
from lipsync_edge.studio.form import REST, grouped
from lipsync_edge.studio.options import StudioOptions
from tests.cli.test_options import module

FORM = form_of(StudioOptions())
BY_NAME = {field.name: field for field in FORM.fields}


def test_every_option_of_run_is_asked_or_named_as_one_that_is_not() -> None:
    parameters = inspect.signature(run).parameters
    hints = inspect.get_annotations(run)
    options = {name for name in parameters if name not in NOT_IN_ROWS}
    asked = {name for name in options if long_name(name, hints[name]) in BY_NAME}
    assert asked | {*NOT_ASKED, *NOT_OFFERED} == options
    assert not asked & {*NOT_ASKED, *NOT_OFFERED}


def test_names_and_help_are_the_command_lines() -> None:
    said = " ".join(module("run", "--help").replace("│", " ").split())
    for field in FORM.fields:
        assert f"--{field.name}" in said
        assert field.help, field.name
        assert " ".join(field.help.split()[:3]) in said


def test_choices_are_all_that_there_are() -> None:
    assert BY_NAME["preset"].choices == tuple(preset_names())
    assert BY_NAME["loop"].choices == LOOPS
    assert BY_NAME["mouth"].choices == MOUTHS
    assert (BY_NAME["strength"].low, BY_NAME["strength"].high) == (0, 1.5)


def test_all_have_a_heading_and_none_is_left_over() -> None:
    groups = grouped(FORM.fields)
    assert sorted(field.name for _, group in groups for field in group) == sorted(BY_NAME)
    assert REST not in dict(groups)


def test_what_the_page_shows_at_first_asks_for_nothing() -> None:
    assert FORM.options({field.name: field.initial for field in FORM.fields}) == ()


def test_what_was_given_is_read_as_run_reads_it() -> None:
    given = {
        "mouth": "own",
        "crf": "20",
        "start": 0.5,
        "end": "2.5",
        "box": "1,2,3,4",
        "preset": "hq",
        "codec": "",
    }
    wishes = FORM.wishes(given)
    assert (wishes.options.mouth, wishes.options.crf, wishes.options.start) == ("own", 20, 0.5)
    assert (wishes.options.end, wishes.options.box_xyxy) == (2.5, (1.0, 2.0, 3.0, 4.0))
    assert wishes.engine.preset == "hq"


def test_whoever_starts_it_decides_what_is_not_asked(tmp_path: Path) -> None:
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    engine = EngineOptions(device="cpu", models=tmp_path)
    found = form_of(StudioOptions(engine=engine, sign_cert=cert, sign_key=key))
    assert {field.name: field.initial for field in found.fields}["device"] == "cpu"
    wishes = found.wishes({"device": "cpu"})
    assert (wishes.engine.device, wishes.engine.models) == ("cpu", tmp_path)
    assert (wishes.options.mark.sign_cert, wishes.options.mark.sign_key) == (cert, key)


@pytest.mark.parametrize(
    ("name", "value", "got"),
    [
        ("loop", "sideways", "sideways"),
        ("face", "/etc/passwd", "/etc/passwd"),
        ("face", "me.jpg", "me.jpg"),
        ("preset", "../x.toml", "x.toml"),
        ("crf", "much", "much"),
        ("crf", 20.5, "20.5"),
        ("audio-track", "0", "--audio-track"),
        ("strength", 9, "--strength"),
        ("box", "1,2", "1,2"),
    ],
)
def test_what_cannot_be_is_refused_and_no_text_becomes_a_file(name: str, value: object, got: str) -> None:
    with pytest.raises(UsageError, match=got):
        FORM.wishes({name: value})


def test_each_of_several_people_gets_a_voice_and_one_is_named_by_a_picture() -> None:
    wishes = FORM.wishes({"voice-1-who": "left", "voice-1": "a.wav", "voice-3-who": "2", "voice-3": "b.wav"})
    assert wishes.options.voices == {"left": Path("a.wav"), "2": Path("b.wav")}
    wishes = FORM.wishes({"speakers": "turns.rttm", "map": "A=left, B=none"})
    assert (wishes.options.speakers, wishes.options.speaker_map) == (
        Path("turns.rttm"),
        {"A": "left", "B": "none"},
    )
    assert FORM.wishes({"face": "largest", "face-picture": "her.jpg"}).options.face == "her.jpg"


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ({"voice-1-who": "left"}, "no file"),
        ({"voice-2": "a.wav"}, "no person"),
        ({"voice-1-who": "/etc/passwd", "voice-1": "a.wav"}, "/etc/passwd"),
        ({"face": "left", "face-picture": "her.jpg"}, "both"),
        ({"map": "A=left"}, "--map"),
    ],
)
def test_half_of_a_person_is_refused(given: dict[str, str], got: str) -> None:
    with pytest.raises(UsageError, match=got):
        FORM.wishes(given)


def test_an_address_that_others_reach_needs_a_token() -> None:
    with pytest.raises(UsageError, match="--token"):
        StudioOptions(host="0.0.0.0")
    assert not StudioOptions(host="0.0.0.0", token="x").is_local
