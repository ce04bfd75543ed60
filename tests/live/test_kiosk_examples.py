"""The kiosk's files say what the commands understand."""

import configparser
from dataclasses import asdict
from pathlib import Path

import pytest

from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.setup import read_config
from lipsync_edge.server.options import ServeOptions

KIOSK = Path(__file__).parents[2] / "examples" / "kiosk"


@pytest.mark.parametrize(("table", "options"), [("live", LiveOptions), ("serve", ServeOptions)])
def test_the_settings_are_options_of_their_types(table: str, options: type) -> None:
    known = asdict(options())
    settings = read_config(KIOSK / "kiosk.toml", table, known)
    assert settings["avatar"]
    assert all(type(value) is type(known[name]) for name, value in settings.items())
    options(**settings)


@pytest.mark.parametrize("name", ["lipsync-edge.service", "kiosk-browser.service"])
def test_the_units_have_the_sections_of_a_service(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(KIOSK / name, "utf-8")
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert unit["Service"]["Restart"] == "always"


def test_the_service_waits_longer_than_the_programs_own_watchdog() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(KIOSK / "lipsync-edge.service", "utf-8")
    own = read_config(KIOSK / "kiosk.toml", "serve", asdict(ServeOptions()))["watchdog_s"]
    assert float(unit["Service"]["WatchdogSec"]) > own
