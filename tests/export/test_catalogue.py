"""The one table of networks: every card has an entry, and every entry holds together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export.catalogue import TABLE, entry_of, feeds, published, published_names, unaliased
from export.samples import made_up_scene
from lipsync_edge.errors import UsageError
from lipsync_edge.models.registry import bundled_models
from lipsync_edge.models.spec import SPECS, load_spec

CARDS = sorted(path.name.removesuffix(".toml") for path in SPECS.glob("*.toml"))


@pytest.mark.parametrize("name", CARDS)
def test_every_card_has_an_entry_of_its_role(name: str) -> None:
    spec = load_spec(name)
    assert name.partition(".")[0] in TABLE
    entry = entry_of(spec)
    assert (entry.role, entry.kind) == (spec.role, spec.kind)
    free = {axis for one in spec.inputs for axis in one.axes if isinstance(axis, str)} - {"batch"}
    assert free <= set(entry.counted), "multiply-adds need a size for every free axis"


@pytest.mark.parametrize("name", published_names())
def test_published_entries_hold_together(name: str) -> None:
    known = published(name)
    assert set(known.branches) == {card.partition(".")[2] for card in CARDS if card.startswith(f"{name}.")}
    assert (known.graph is None) == (known.plain is None)
    for sizes in known.sizes:
        assert sizes.keys() == known.sizes[0].keys()
    if known.plain is not None:
        axes = {axis for one in known.plain.inputs.values() for axis in one if isinstance(axis, str)}
        assert axes <= set(known.sizes[0])


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("edge_")])
def test_bundled_networks_are_fed_what_their_cards_say(name: str) -> None:
    spec = load_spec(name)
    scenes = [made_up_scene(seed) for seed in range(2)]
    for feed in feeds(spec, scenes, bundled_models() / f"{name}.fp32.onnx"):
        for one in spec.inputs:
            array = feed[one.name]
            assert array.dtype == one.dtype
            assert array.ndim == len(one.axes)
            fixed = [(a, n) for a, n in zip(one.axes, array.shape, strict=True) if isinstance(a, int)]
            assert all(a == n for a, n in fixed)


def test_a_card_of_somebodys_own_is_treated_as_its_kind() -> None:
    own = replace(load_spec("edge_lips"), name="their_lips")
    assert entry_of(own) is TABLE["edge_lips"]
    with pytest.raises(UsageError, match="their_lips: lips hologram"):
        entry_of(replace(own, kind="hologram"))


def test_names() -> None:
    assert unaliased("syncnet") == "syncnet_v2"
    assert unaliased("wav2lip") == "wav2lip"
    for wrong in ("edge_lips", "no_such"):
        with pytest.raises(UsageError, match="rrdbnet"):
            published(wrong)


def test_networks_are_named_in_the_help() -> None:
    """The help of both command lines lists names without importing torch; they are those of the table."""
    from export.__main__ import parser

    source = Path("lipsync_edge/cli/export.py").read_text("utf-8")
    for name in published_names():
        assert name in source
        assert name in parser()._subparsers._group_actions[0].choices["convert"].format_help()  # type: ignore[union-attr,index,call-overload]
