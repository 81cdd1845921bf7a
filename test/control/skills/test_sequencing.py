"""The order of moves: free places first, support before what is supported, cycles parked."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.control.skills.sequencing import FREE_SPACE, next_move
from concept_control.control.skills.support import Bodies
from concept_control.world.workspace import Workspace

WORKSPACE = Workspace()
WIDTH = 0.04
GRID = WORKSPACE.to_world(
    np.stack(np.meshgrid([-0.7, 0.0, 0.7], [-0.7, 0.0, 0.7]), -1).reshape(-1, 2)
)


def flat(xy):
    return np.column_stack([xy, np.zeros(len(xy))])


def stacked(*piles):
    """Return (N, 3) places of the rows of piles, from below; each pile has its place of `GRID`."""
    places = np.zeros((sum(map(len, piles)), 3))
    for place, pile in zip(GRID, piles):
        for level, row in enumerate(pile):
            places[row] = [*place, level * WIDTH]
    return places


def play(places, targets, moved):
    """Carry out moves until nothing remains; return them and check every lift and landing."""
    sides = np.full(len(places), WIDTH)
    bodies, moves = Bodies(places, sides, sides, 0 * sides, 0 * sides), []
    remaining = bodies.with_carried(moved)
    while remaining:
        move = next_move(bodies, targets, remaining, WORKSPACE)
        if move is None:
            return None
        assert not bodies.rests_on()[:, move.index].any(), 'lifted from under another block'
        others = np.delete(bodies.places, move.index, axis=0)
        gap = np.linalg.norm(others - move.target, axis=1).min(initial=np.inf)
        space = FREE_SPACE if move.target[2] == 0 else 1.0
        assert gap >= space * WIDTH - 1e-9, 'put into another'
        goals = np.tile(move.target, (len(places), 1))
        bodies = bodies.moved([move.index], goals)
        assert bodies.is_held().all(), 'let go in the air'
        moves.append(move)
        if not move.is_buffer:
            remaining.remove(move.index)
        assert len(moves) <= 3 * len(places)
    np.testing.assert_allclose(bodies.places[moved], targets[moved])
    return moves


def test_the_block_whose_place_is_free_goes_first():
    positions = flat(np.array([[0.40, 0.0], [0.50, 0.0]]))
    targets = flat(np.array([[0.50, 0.0], [0.60, 0.0]]))
    assert [m.index for m in play(positions, targets, [0, 1])] == [1, 0]


def test_two_blocks_swap_through_a_parking_place():
    positions = flat(np.array([[0.40, 0.0], [0.55, 0.0]]))
    moves = play(positions, positions[::-1].copy(), [0, 1])
    assert len(moves) == 3 and [m.is_buffer for m in moves] == [True, False, False]


def test_what_must_not_move_is_left_alone():
    positions = flat(np.array([[0.40, 0.0], [0.55, 0.0]]))
    targets = flat(np.array([[0.55, 0.0], [0.55, 0.0]]))
    assert play(positions, targets, [0]) is None


def test_a_tower_grows_from_below():
    moves = play(stacked([0], [1], [2]), stacked([0, 1, 2]), [2, 1])
    assert [m.index for m in moves] == [1, 2]


def test_what_lies_above_goes_first_and_a_tower_is_turned_over_through_parking_places():
    moves = play(stacked([0, 1, 2]), stacked([0], [1], [2]), [1, 2])
    assert [m.index for m in moves] == [2, 1]
    moves = play(stacked([0, 1, 2]), stacked([2, 1, 0]), [0, 1, 2])
    assert [(m.index, m.is_buffer) for m in moves] == [
        (2, True), (1, True), (0, True), (2, False), (1, False), (0, False)
    ]  # fmt: skip


def test_two_pillars_stand_as_near_to_one_another_as_what_they_carry_demands():
    places = stacked([0], [1], [2])
    targets = places.copy()
    targets[1] = places[0] + [1.1 * WIDTH, 0.0, 0.0]
    assert play(places, targets, [1]) is None
    targets[2] = (places[0] + targets[1]) / 2 + [0.0, 0.0, WIDTH]
    sides = np.full(3, WIDTH)
    assert (
        next_move(
            Bodies(places, sides, sides, 0 * sides, 0 * sides), targets, [1, 2], WORKSPACE
        ).index
        == 1
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_any_permutation_is_played_without_collision(seed, count):
    rng = np.random.default_rng(seed)
    positions = flat(GRID[rng.permutation(9)[:count]])
    targets = positions[rng.permutation(count)]
    moved = [i for i in range(count) if np.linalg.norm(targets[i] - positions[i]) > 1e-6]
    assert play(positions, targets, moved) is not None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_any_towers_become_any_others(seed, count):
    rng = np.random.default_rng(seed)

    def towers():
        cuts = np.sort(rng.integers(0, count + 1, 2))
        return stacked(*np.split(rng.permutation(count), cuts))

    before, after = towers(), towers()
    assert play(before, after, list(range(count))) is not None
