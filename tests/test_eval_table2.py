import numpy as np
import pytest

from benchmarks.table2 import PIECE, control_verdict, means, shuffled


@pytest.mark.parametrize("pieces", [2, 3, 10, 31])
def test_no_piece_of_a_shuffled_sound_keeps_its_place(pieces):
    sound = np.repeat(np.arange(pieces), PIECE).astype(np.float32)
    other = shuffled(sound)
    assert sorted(other.tolist()) == sound.tolist()
    assert not (other == sound).any()


def test_a_short_sound_is_turned_round():
    assert shuffled(np.arange(5, dtype=np.float32)).tolist() == [4, 3, 2, 1, 0]


def test_a_control_that_is_not_worse_is_told():
    own, control = (
        {"lse_c": 5.0, "lse_d": 7.0, "opening_r": 0.5},
        {"lse_c": 1.0, "lse_d": 12.0, "opening_r": 0.1},
    )
    assert control_verdict(own, control) == {"lse_c": True, "opening_r": True, "lse_d": True}
    assert not any(control_verdict(control, own).values())
    assert control_verdict({}, control) == {}


def test_means_leave_out_what_has_no_number():
    assert means([{"a": 1.0, "b": float("inf")}, {"a": 3.0, "c": 2.0}]) == {"a": 2.0, "c": 2.0}
