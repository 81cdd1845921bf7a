"""Queens: five demonstrations of "does not attack", then a board of them by composition.

A demonstration shows a board in which one queen has been moved to a square on which none of the
others attacks it. The code is then asked of every pair of queens on an empty board; what solves
it knows the code and the squares, not the game.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.concepts.composition import conjunction
from concept_control.energy.goals.places import solve_on_places
from concept_control.energy.model import ConceptModel
from concept_control.reports import intervals
from concept_control.world.events import Events

SHOTS = 5
BOARDS = (8, 12)
PUBLISHED = {8: '97 of 100, 128 particles (arXiv 2510.20607)', 12: ''}


def squares(board: int) -> np.ndarray:
    """Return the middles (board², 2) of the squares of a board that covers the workspace."""
    ticks = (np.arange(board) + 0.5) / board * 2 - 1
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def attacks(places: np.ndarray, board: int) -> np.ndarray:
    """Tell (N, N) which of N queens at places (N, 2) attack each other; none attacks itself."""
    row = np.rint((places + 1) / 2 * board - 0.5).astype(int)
    apart = np.abs(row[:, None] - row[None])
    lines = (apart == 0).any(axis=-1) | (apart[..., 0] == apart[..., 1])
    return lines & ~np.eye(len(places), dtype=bool)


def demonstrate(rng: np.random.Generator, board: int, number: int) -> Events:
    """Draw demonstrations: queen 0 has been moved to where none of board - 2 others attacks it."""
    count = board - 1
    every = squares(board)
    shown: list[np.ndarray] = []
    while len(shown) < number:
        places = every[rng.choice(len(every), count, replace=False)]
        if not attacks(places, board)[0].any():
            before = places.copy()
            free = (every[:, None] != places).any(axis=-1).all(axis=-1)
            before[0] = every[rng.choice(np.flatnonzero(free))]
            shown.append(np.stack([before, places]))
    return Events(
        np.stack(shown),
        np.full((number, count, 3), 0.5),
        np.full((number, count), 2 / board),
        subjects=np.tile(np.arange(count) == 0, (number, 1)),
        attention=np.tile(np.arange(count) > 0, (number, 1)),
    )


def run(
    model: ConceptModel, seed: int = 0, problems: int = 20, boards: Sequence[int] = BOARDS
) -> dict[str, Any]:
    """Learn afresh and solve each board a number of times.

    Args:
        model: Concept model whose energy is used.
        seed: Seed of demonstrations and searches.
        problems: Number of problems of each size of board.
        boards: Numbers of squares along a side.
    """
    result: dict[str, Any] = {'seed': seed, 'shots': SHOTS}
    with tqdm(total=problems * len(boards), desc='queens', file=sys.stderr) as bar:
        for board in boards:
            rng = np.random.default_rng([seed, board])
            solved = 0
            for _ in range(problems):
                code = model.infer(demonstrate(rng, board, SHOTS))
                pairs = [('free of', i, j) for i in range(board) for j in range(i)]
                goal = conjunction(model, {'free of': code}, pairs, board)
                start = squares(board)[rng.choice(board**2, board, replace=False)]
                scene = Events(start[None, None], np.full((1, board, 3), 0.5),
                               np.full((1, board), 2 / board))  # fmt: skip
                found = solve_on_places(
                    goal, scene, np.ones(board, dtype=bool), squares(board),
                    seed=int(rng.integers(2**31)),
                )  # fmt: skip
                solved += not attacks(found, board).any()
                bar.update()
                bar.set_postfix_str(f'{board} queens: {solved}')
            result[str(board)] = intervals.rate(solved, problems)
    return result


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (what, result, published) for a table."""
    return [
        (f'{board} queens', intervals.percent(result[str(board)]), PUBLISHED[board])
        for board in BOARDS
    ]
