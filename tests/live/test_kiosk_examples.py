"""The kiosk's systemd units say what the commands do; its settings are tested with the commands."""

import configparser
from pathlib import Path

import pytest

from lipsync_edge.toml_reader import read_toml

KIOSK = Path(__file__).parents[2] / "examples" / "kiosk"


@pytest.mark.parametrize("name", ["lipsync-edge.service", "kiosk-browser.service"])
def test_the_units_have_the_sections_of_a_service(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(KIOSK / name, "utf-8")
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert unit["Service"]["Restart"] == "always"


def test_the_service_waits_longer_than_the_programs_own_watchdog() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(KIOSK / "lipsync-edge.service", "utf-8")
    own = read_toml(KIOSK / "kiosk.toml")["serve"]["watchdog-s"]
    assert float(unit["Service"]["WatchdogSec"]) > own
