"""In which order to move blocks, and where to park one that is in another's way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.skills.support import LEVEL_TOLERANCE, Bodies
from concept_control.world.workspace import Workspace

FREE_SPACE = 1.2
"""Smallest distance of two bodies' centres, relative to the mean of their sides."""

PILLAR_SPACE = 1.02
"""The same for two that are to carry a third together."""

BUFFER_GRID = 17
"""Number of grid points along each axis on which a buffer place is looked for."""

BUFFER_SPACE = 0.02
"""Extra free space around a buffer place [m]: fingers, noise and the next block need it."""


@dataclass(frozen=True)
class Move:
    """Bring one entity somewhere.

    Attributes:
        index: Row of the entity.
        target: (3,) place to bring it to: centre x and y, and height of its lower face [m].
        is_buffer: Whether the place is only a parking place.
    """

    index: int
    target: np.ndarray
    is_buffer: bool = False


def next_move(
    bodies: Bodies, targets: np.ndarray, remaining: list[int], workspace: Workspace
) -> Move | None:
    """Choose what to move now, the farthest first.

    It is a block that carries nothing, whose place is free, and under whose place everything is
    as it shall be. Where there is none, places form a cycle or blocks lie on one another: then
    what is in the way of another is parked on a free spot of the table near its own target.

    Args:
        bodies: The N entities where they are now.
        targets: (N, 3) places wanted for those in `remaining` [m].
        remaining: Rows still to be moved, with those that rest on them.
        workspace: Square in which buffer places may be.

    Returns:
        Move; None if nothing remains, if no buffer place is free, or if what stands in the way
        must not be moved.
    """
    if not remaining:
        return None
    carries = bodies.rests_on().T
    planned = bodies.moved(remaining, targets)
    supports, is_held = planned.rests_on(), planned.is_held()
    distance = np.linalg.norm((targets - bodies.places)[:, :2], axis=1)
    order = sorted(remaining, key=lambda i: (-distance[i], i))
    for i in order:
        is_ready = is_held[i] and not supports[i, remaining].any() and not carries[i].any()
        if is_ready and (_spaces(i, targets[i], bodies, supports) >= 0).all():
            return Move(i, targets[i].copy())
    blocker = _blocker(order, bodies, targets, supports)
    if blocker is None:
        return None
    place = _buffer_place(blocker, bodies, targets, remaining, workspace)
    return None if place is None else Move(blocker, place, is_buffer=True)


def _spaces(i: int, place: np.ndarray, bodies: Bodies, supports: np.ndarray) -> np.ndarray:
    """Return (N,) free space between entity i at a place and every other [m].

    It is infinite for itself, for what ends below the place and for an open box around it.
    """
    share = np.where((supports[:, i : i + 1] & supports).any(axis=0), PILLAR_SPACE, FREE_SPACE)
    needed = share * (bodies.widths + bodies.widths[i]) / 2
    space = np.linalg.norm(bodies.places[:, :2] - place[:2], axis=1) - needed
    space[bodies.around(place)] = np.inf
    if place[2] > LEVEL_TOLERANCE:
        space[bodies.tops <= place[2] + LEVEL_TOLERANCE] = np.inf
    space[i] = np.inf
    return space


def _blocker(
    order: list[int], bodies: Bodies, targets: np.ndarray, supports: np.ndarray
) -> int | None:
    """Pick a block that lies on another, or stands on its place, and must move anyway."""
    carries = bodies.rests_on().T
    for i in order:
        spaces = np.where(carries[i], -np.inf, _spaces(i, targets[i], bodies, supports))
        for j in np.argsort(spaces):
            if spaces[j] >= 0:
                break
            for top in bodies.with_carried([int(j)]):
                if top in order and not carries[top].any():
                    return top
    return None


def _buffer_place(
    i: int, bodies: Bodies, targets: np.ndarray, remaining: list[int], workspace: Workspace
) -> np.ndarray | None:
    """Find the free grid point of the table nearest to where block i is going."""
    widths = bodies.widths
    span = 1.0 - widths[i] / workspace.half_extent
    axis = np.linspace(-span, span, BUFFER_GRID)
    grid = workspace.to_world(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    goals = [j for j in remaining if j != i]
    taken = np.concatenate([np.delete(bodies.places, i, axis=0), targets[goals]])[:, :2]
    sides = np.concatenate([np.delete(widths, i), widths[goals]])
    distance = np.linalg.norm(grid[:, None] - taken[None], axis=-1)
    needed = FREE_SPACE * (sides + widths[i]) / 2 + BUFFER_SPACE
    free = (distance >= needed).all(axis=1)
    if not free.any():
        return None
    candidates = grid[free]
    nearest = np.argmin(np.linalg.norm(candidates - targets[i, :2], axis=1))
    return np.array([*candidates[nearest], 0.0])
