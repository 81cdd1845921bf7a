"""Entities as the particle world sees them."""

import numpy as np

from concept_control.energy.scene_batch import rests_on, scene_batch_from_events
from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus, tool_state
from concept_control.world.tabletop import MOVED, Tabletop, moved_ids
from concept_control.world.workspace import Workspace

WORKSPACE = Workspace((0.5, 0.0), 0.2)


def scene(**places):
    states = {
        int(name[1:]): EntityState(np.array([*xy, 0.02]), np.array([0.04, 0.06, 0.04]))
        for name, xy in places.items()
    }
    return Tabletop.from_entities({**states, TOOL_ID: tool_state((0.5, 0.0, 0.3))}, WORKSPACE)


def test_entities_come_by_id_in_workspace_units_and_the_tool_leads():
    found = scene(_7=(0.7, 0.0), _2=(0.5, -0.2))
    assert found.ids == (TOOL_ID, 2, 7)
    np.testing.assert_allclose(found.positions, [[0, 0], [1, 0], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.sizes, [0.15, 0.25, 0.25])
    assert found.mask([7, 9]).tolist() == [False, False, True]
    blocks = found.without_tool()
    assert blocks.ids == (2, 7) and len(blocks.positions) == len(blocks.colors) == 2


def test_what_lies_on_something_is_off_the_table_and_noise_is_not():
    size = np.array([0.04, 0.04, 0.03])
    low, high, held = (np.array([0.5, 0.0, z]) for z in (0.02, 0.045, 0.3))
    states = {1: EntityState(low, size), 2: EntityState(high, size)}
    states[3] = EntityState(held, size, status=EntityStatus.HELD)
    found = Tabletop.from_entities(states, WORKSPACE)
    np.testing.assert_allclose(found.bottoms, [0, 0.15, 0])
    np.testing.assert_allclose(found.heights, 0.15)
    events = found.only({1, 2}).events()
    np.testing.assert_allclose(events.bottoms[0, 0], [0, 0.15])
    flat = Tabletop((1, 2), found.positions[:2], found.colors[:2], found.sizes[:2])
    assert flat.bottoms.tolist() == [0, 0] and moved_ids(flat, found) == (2,)


def test_what_hangs_over_an_open_box_rests_neither_on_its_rim_nor_in_it():
    """A block 0.1 wide at the height of the rim of a box 0.5 wide, on its floor, and a plank."""
    for side, bottom, rests, is_in in (
        (0.1, 0.2, False, False), (0.1, 0.0, True, True), (0.48, 0.2, True, False)
    ):  # fmt: skip
        scene = Tabletop(
            ids=(1, 2),
            positions=np.zeros((2, 2)),
            colors=np.zeros((2, 3)),
            sizes=np.array([side, 0.5]),
            bottoms=np.array([bottom, 0.0]),
            heights=np.array([0.1, 0.2]),
            rims=np.array([0.0, 0.02]),
        )
        assert scene.rests_on().tolist() == [[False, rests], [False, False]]
        assert scene.is_in().tolist() == [[False, is_in], [False, False]]
        there = rests_on(scene_batch_from_events(scene.events()))
        assert there[0].tolist() == scene.rests_on().tolist()


def test_an_empty_table_is_a_scene_too():
    nothing = Tabletop.from_entities({}, WORKSPACE)
    assert nothing.ids == () and nothing.positions.shape == (0, 2)
    assert nothing.describe() == 'none'


def test_the_scene_is_one_static_event_with_its_masks():
    found = scene(_1=(0.6, 0.0), _2=(0.5, -0.1))
    events = found.events(found.mask([1]), found.mask([2]))
    assert (events.num_events, events.num_steps, events.num_entities) == (1, 1, 3)
    assert events.subjects.tolist() == [[False, True, False]]
    assert events.attention.tolist() == [[0.0, 0.0, 1.0]]
    assert not found.events().has_attention


def test_what_trembles_has_not_moved_and_what_is_gone_is_not_named():
    far = 1.1 * MOVED * WORKSPACE.half_extent
    before = scene(_1=(0.5, 0.0), _2=(0.6, 0.0), _3=(0.4, 0.0))
    after = scene(_1=(0.5, far), _2=(0.6, 0.3 * far))
    assert moved_ids(before, after) == (1,)
