"""Blocks are recognised after perception has given all ids anew."""

import numpy as np
import pytest

from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus
from concept_control.world.reidentification import STRANGER, EntityReidentifier

GREEN = np.array([0.1, 0.8, 0.2])
RED, BLUE = np.array([0.9, 0.1, 0.1]), np.array([0.1, 0.1, 0.9])


def block(x, y, color=RED):
    return EntityState(position=np.array([x, y, 0.02]), size=np.full(3, 0.04), color=color)


KNOWN = {1: block(0.4, 0.1), 2: block(0.5, -0.1, BLUE), 3: block(0.6, 0.1)}


@pytest.mark.parametrize('order', [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_new_ids_are_mapped_back_by_look_and_place(order):
    seen = {new: KNOWN[old] for new, old in enumerate(order, 1)}
    renamed = EntityReidentifier(KNOWN).rename(seen)
    assert {i: tuple(state.xy) for i, state in renamed.items()} == {
        i: tuple(state.xy) for i, state in KNOWN.items()
    }


def test_what_is_held_is_known_by_its_colour_wherever_it_is():
    identity = EntityReidentifier(KNOWN, held=2)
    renamed = identity.rename({1: KNOWN[3], 2: KNOWN[1]})
    assert identity.missing == [2] and renamed[2].status is EntityStatus.OCCLUDED
    renamed = identity.rename({1: KNOWN[3], 2: KNOWN[1], 3: block(0.45, 0.2, BLUE)})
    assert set(renamed) == {1, 2, 3} and identity.missing == []
    assert renamed[1] is KNOWN[1] and renamed[3] is KNOWN[3]


def test_strangers_are_not_taken_for_anybody():
    seen = {TOOL_ID: block(0, 0), 7: block(0.4, 0.1, GREEN), 8: block(0.7, 0.3)}
    identity = EntityReidentifier(KNOWN)
    assert set(identity.rename(seen, 1.0)) == {1, 2, 3, TOOL_ID, STRANGER + 7, STRANGER + 8}
    # What is not seen again is not believed in for ever.
    assert set(identity.rename(seen, 100.0)) == {TOOL_ID, STRANGER + 7, STRANGER + 8}


def test_what_was_put_down_meanwhile_is_known_if_no_other_has_its_colour():
    renamed = EntityReidentifier(KNOWN).rename(
        {1: block(0.7, 0.2, BLUE), 2: KNOWN[1], 3: KNOWN[3]}
    )
    assert set(renamed) == {1, 2, 3} and renamed[2].xy[1] == 0.2


def test_a_block_keeps_its_name_once_it_has_one():
    identity = EntityReidentifier(KNOWN)
    identity.rename({5: KNOWN[1]})
    moved = block(0.55, 0.2)
    assert identity.rename({5: moved})[1] is moved
