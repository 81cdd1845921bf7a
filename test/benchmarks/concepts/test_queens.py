"""Queens: what attacks, what is shown, and a board that is solved."""

import numpy as np

from concept_control.benchmarks.concepts import queens


def test_queens_attack_along_rows_columns_and_diagonals():
    board = queens.squares(8).reshape(8, 8, 2)
    places = np.stack([board[0, 0], board[0, 7], board[5, 5], board[1, 2], board[7, 0]])
    assert queens.attacks(places, 8)[0].tolist() == [False, True, True, False, True]


def test_in_demonstrations_the_moved_queen_is_not_attacked():
    events = queens.demonstrate(np.random.default_rng(0), 8, 5)
    for row in events.positions.numpy():
        assert not queens.attacks(row[1], 8)[0].any()
        assert np.unique(row[0], axis=0).shape == (7, 2)


def test_eight_queens_are_solved_from_five_demonstrations(model):
    assert queens.run(model, seed=0, problems=1, boards=(8,))['8']['value'] == 1
