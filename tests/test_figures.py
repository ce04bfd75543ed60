"""Percentiles and Markdown tables."""

import pytest

from lipsync_edge.figures import markdown_table, percentiles


def test_percentiles() -> None:
    assert percentiles(range(101)) == {"p50": 50.0, "p95": 95.0, "n": 101}
    assert percentiles([1.23456], (5, 99)) == {"p5": 1.235, "p99": 1.235, "n": 1}
    with pytest.raises(ValueError, match="no times"):
        percentiles([])


def test_a_markdown_table() -> None:
    assert markdown_table(("a", "b"), [("1", "x|y")], right=[1]) == "| a | b |\n|---|--:|\n| 1 | x\\|y |"
    assert markdown_table(("a",), []) == "| a |\n|---|"
