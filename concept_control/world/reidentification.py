"""Reidentification: new ids after a restart of perception matched to those a goal speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus

COLOR_GATE = 0.25
"""Largest RGB distance between two views of the same block."""

DISTANCE_GATE = 0.06
"""Farthest that a block which was not moved may be from its last known place [m]."""

FAR = 10.0
"""Largest share of the distance in the cost, in units of `DISTANCE_GATE`."""

PATIENCE = 15.0
"""Time for which a block that was not seen again is believed to be where it was [s]."""

STRANGER = 1_000_000
"""First id of the things that were not known before."""


class EntityReidentifier:
    """Keeps the ids of before a restart valid; not thread-safe.

    A block is recognised by its colour and its place. Meanwhile the arm may have carried it on or
    put it down elsewhere: if it is held, or no other is of its colour, the colour alone must do.
    Where two would fit, the nearer one is taken.
    """

    def __init__(self, known: Mapping[int, EntityState], held: int | None = None) -> None:
        """Start from the entities that were known last.

        Args:
            known: Entities by their old id, world frame.
            held: Old id of what the tool holds; None where it holds nothing.
        """
        self._known = {i: state for i, state in known.items() if i != TOOL_ID}
        self._held = held
        self._old_of: dict[int, int] = {}
        self._began: float | None = None

    @property
    def missing(self) -> list[int]:
        """Old ids that were not recognised yet."""
        return sorted(set(self._known) - set(self._old_of.values()))

    def rename(self, seen: Mapping[int, EntityState], time: float = 0.0) -> dict[int, EntityState]:
        """Return entities by their old ids; things that were not known get ids of their own.

        The arm may hide what was not seen again yet: for a while it is believed to be where it
        was.

        Args:
            seen: Entities by their new ids.
            time: Stamp of `seen` [s].
        """
        if self._began is None:
            self._began = time
        fresh = [i for i in seen if i not in self._old_of and i != TOOL_ID]
        missing = self.missing
        if fresh and missing:
            cost = np.array([[self._cost(old, seen[new]) for old in missing] for new in fresh])
            rows, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6))
            for row, column in zip(rows, columns):
                if np.isfinite(cost[row, column]):
                    self._old_of[fresh[row]] = missing[column]
        believed = self.missing if time - self._began < PATIENCE else []
        return {
            old: replace(self._known[old], status=EntityStatus.OCCLUDED) for old in believed
        } | {
            TOOL_ID if i == TOOL_ID else self._old_of.get(i, STRANGER + i): state
            for i, state in seen.items()
        }

    def _cost(self, old: int, state: EntityState) -> float:
        """Return the cost of taking a new entity for an old one, infinite if it is another."""
        known = self._known[old]
        color = float(np.linalg.norm(known.color - state.color)) / COLOR_GATE
        if color > 1.0:
            return np.inf
        distance = float(np.linalg.norm(known.xy - state.xy)) / DISTANCE_GATE
        if distance > 1.0 and old != self._held:
            others = [other.color for i, other in self._known.items() if i != old]
            if any(float(np.linalg.norm(each - known.color)) <= COLOR_GATE for each in others):
                return np.inf  # no other known block may have its colour
        return color + min(distance, FAR)
