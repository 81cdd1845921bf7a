"""In which order to move blocks, and where to park one that is in another's way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.world.workspace import Workspace

FREE_SPACE = 1.2
"""Smallest distance of two bodies' centres, relative to the mean of their sides."""

BUFFER_GRID = 17
"""Number of grid points along each axis on which a buffer place is looked for."""

BUFFER_SPACE = 0.02
"""Extra free space around a buffer place [m]: fingers, noise and the next block need it."""


@dataclass(frozen=True)
class Move:
    """Bring one entity somewhere.

    Attributes:
        index: Row of the entity.
        target: (2,) place to bring it to [m].
        is_buffer: Whether the place is only a parking place.
    """

    index: int
    target: np.ndarray
    is_buffer: bool = False


def next_move(
    positions: np.ndarray,
    targets: np.ndarray,
    remaining: list[int],
    widths: np.ndarray,
    workspace: Workspace,
) -> Move | None:
    """Choose what to move now: a block whose place is free, the farthest first.

    Where every place is taken, the places form a cycle: the block in the way of the first one is
    parked on a free spot near its own target.

    Args:
        positions: (N, 2) places of all entities now [m].
        targets: (N, 2) places wanted for those in `remaining` [m].
        remaining: Rows still to be moved.
        widths: (N,) side lengths [m].
        workspace: Square in which buffer places may be.

    Returns:
        Move; None if nothing remains, if no buffer place is free, or if what stands in the way
        must not be moved.
    """
    if not remaining:
        return None
    distance = np.linalg.norm(targets - positions, axis=1)
    order = sorted(remaining, key=lambda i: (-distance[i], i))
    for i in order:
        if _is_free(targets[i], i, positions, widths):
            return Move(i, targets[i].copy())
    blocker = _blocker(order, positions, targets, widths)
    if blocker is None:
        return None
    place = _buffer_place(blocker, positions, targets, remaining, widths, workspace)
    return None if place is None else Move(blocker, place, is_buffer=True)


def _spaces(place: np.ndarray, i: int, positions: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return (N,) free space between entity i at a place and every other [m]; inf for itself."""
    space = np.linalg.norm(positions - place, axis=1) - FREE_SPACE * (widths + widths[i]) / 2
    space[i] = np.inf
    return space


def _is_free(place: np.ndarray, i: int, positions: np.ndarray, widths: np.ndarray) -> bool:
    return bool((_spaces(place, i, positions, widths) >= 0).all())


def _blocker(
    order: list[int], positions: np.ndarray, targets: np.ndarray, widths: np.ndarray
) -> int | None:
    """Pick a block that stands on another's place and must move anyway."""
    for i in order:
        spaces = _spaces(targets[i], i, positions, widths)
        for j in np.argsort(spaces):
            if int(j) in order and spaces[j] < 0:
                return int(j)
    return None


def _buffer_place(
    i: int,
    positions: np.ndarray,
    targets: np.ndarray,
    remaining: list[int],
    widths: np.ndarray,
    workspace: Workspace,
) -> np.ndarray | None:
    """Find the free grid point nearest to where block i is going."""
    span = 1.0 - widths[i] / workspace.half_extent
    axis = np.linspace(-span, span, BUFFER_GRID)
    grid = workspace.to_world(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    goals = [j for j in remaining if j != i]
    taken = np.concatenate([np.delete(positions, i, axis=0), targets[goals]])
    sides = np.concatenate([np.delete(widths, i), widths[goals]])
    distance = np.linalg.norm(grid[:, None] - taken[None], axis=-1)
    needed = FREE_SPACE * (sides + widths[i]) / 2 + BUFFER_SPACE
    free = (distance >= needed).all(axis=1)
    if not free.any():
        return None
    candidates = grid[free]
    return candidates[np.argmin(np.linalg.norm(candidates - targets[i], axis=1))]
