"""The order of moves: free places first, cycles broken by a parking place."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.control.skills.sequencing import FREE_SPACE, next_move
from concept_control.world.workspace import Workspace

WORKSPACE = Workspace()
WIDTH = 0.04


def play(positions, targets, moved):
    """Carry out moves until nothing remains; return them and check every landing."""
    positions, remaining, moves = positions.copy(), list(moved), []
    widths = np.full(len(positions), WIDTH)
    while remaining:
        move = next_move(positions, targets, remaining, widths, WORKSPACE)
        if move is None:
            return None
        others = np.delete(positions, move.index, axis=0)
        gap = np.linalg.norm(others - move.target, axis=1).min(initial=np.inf)
        assert gap >= FREE_SPACE * WIDTH - 1e-9, 'put on top of another block'
        positions[move.index] = move.target
        moves.append(move)
        if not move.is_buffer:
            remaining.remove(move.index)
        assert len(moves) <= 3 * len(moved)
    np.testing.assert_allclose(positions[moved], targets[moved])
    return moves


def test_the_block_whose_place_is_free_goes_first():
    positions = np.array([[0.40, 0.0], [0.50, 0.0]])
    targets = np.array([[0.50, 0.0], [0.60, 0.0]])
    assert [m.index for m in play(positions, targets, [0, 1])] == [1, 0]


def test_two_blocks_swap_through_a_parking_place():
    positions = np.array([[0.40, 0.0], [0.55, 0.0]])
    moves = play(positions, positions[::-1].copy(), [0, 1])
    assert len(moves) == 3 and [m.is_buffer for m in moves] == [True, False, False]


def test_what_must_not_move_is_left_alone():
    positions = np.array([[0.40, 0.0], [0.55, 0.0]])
    targets = np.array([[0.55, 0.0], [0.55, 0.0]])
    assert play(positions, targets, [0]) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_any_permutation_is_played_without_collision(seed, count):
    rng = np.random.default_rng(seed)
    grid = WORKSPACE.to_world(
        np.stack(np.meshgrid([-0.7, 0.0, 0.7], [-0.7, 0.0, 0.7]), -1).reshape(-1, 2)
    )
    positions = grid[rng.permutation(9)[:count]]
    targets = positions[rng.permutation(count)]
    moved = [i for i in range(count) if np.linalg.norm(targets[i] - positions[i]) > 1e-6]
    assert play(positions, targets, moved) is not None
