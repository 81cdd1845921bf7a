"""The perceived entities as the particle world sees them: places, colours and sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from concept_control.world.entity import TABLE_NOISE, TOOL_ID, TOUCHING, EntityState, EntityStatus
from concept_control.world.workspace import Workspace

if TYPE_CHECKING:
    from concept_control.world.events import Events

MOVED = 0.04
"""Distance from which an entity counts as moved [workspace units]; 1 cm on the table."""


@dataclass(frozen=True)
class Tabletop:
    """N entities in workspace units.

    Attributes:
        ids: N distinct ids; `TOOL_ID` is the tool.
        positions: (N, 2) workspace units.
        colors: (N, 3) RGB in [0, 1].
        sizes: (N,) side lengths, workspace units.
        bottoms: (N,) heights of the lower faces above the table, workspace units; empty: all 0.
        heights: (N,) vertical side lengths, workspace units; empty: as `sizes`.
        rims: (N,) thickness of the walls and of the floor of open boxes, workspace units, 0 for
            what is solid; empty: all 0.
    """

    ids: tuple[int, ...]
    positions: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray
    bottoms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    heights: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rims: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for name in ('bottoms', 'rims'):
            if not np.size(getattr(self, name)):
                object.__setattr__(self, name, np.zeros(len(self.ids)))
        if not np.size(self.heights):
            object.__setattr__(self, 'heights', np.asarray(self.sizes))

    @classmethod
    def from_entities(cls, states: Mapping[int, EntityState], workspace: Workspace) -> Tabletop:
        """Return entities by id as the particle world sees them, the tool first, then by id.

        What is up to `TABLE_NOISE` off the table, or held, counts as on it.
        """
        ids = tuple(sorted(states))
        if not ids:
            return cls((), np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0))
        sides = np.array([float(states[i].size[:2].mean()) for i in ids])
        bottoms, heights, rims = (
            np.asarray(workspace.length_to_workspace(np.array(lengths, dtype=float)))
            for lengths in (
                [states[i].top - states[i].size[2] for i in ids],
                [states[i].size[2] for i in ids],
                [states[i].rim for i in ids],
            )
        )
        is_free = [i != TOOL_ID and states[i].status != EntityStatus.HELD for i in ids]
        return cls(
            ids=ids,
            positions=workspace.to_workspace(np.array([states[i].position[:2] for i in ids])),
            colors=np.array([states[i].color for i in ids]),
            sizes=np.asarray(workspace.length_to_workspace(sides)),
            bottoms=np.where((bottoms > TABLE_NOISE) & is_free, bottoms, 0.0),
            heights=heights,
            rims=rims,
        )

    def events(
        self, subjects: np.ndarray | None = None, attention: np.ndarray | None = None
    ) -> Events:
        """Return the scene as one static event with the given (N,) masks."""
        # Imported here: nodes that only convert messages need not load torch.
        from concept_control.world.events import Events  # noqa: PLC0415

        return Events(
            positions=np.asarray(self.positions, dtype=np.float32)[None, None],
            **self.bodies(),
            bottoms=np.asarray(self.bottoms, dtype=np.float32)[None, None],
            subjects=None if subjects is None else subjects[None],
            attention=None if attention is None else attention[None].astype(np.float32),
        )

    def bodies(self, count: int = 1) -> dict[str, Any]:
        """Return what stays the same whatever happens, `count` times, as `Events` take it."""
        names = ('colors', 'sizes', 'heights', 'rims')
        values = ((name, np.asarray(getattr(self, name), dtype=np.float32)) for name in names)
        return {name: np.repeat(value[None], count, axis=0) for name, value in values}

    def rests_on(self) -> np.ndarray:
        """Return (N, N) bool: whether the thing of a row rests on that of a column, or in it.

        What fits between the walls over which its middle is rests on the floor, not on the rim.
        """
        floors = self.bottoms + self.rims
        floors = np.where(floors > TABLE_NOISE, floors, 0.0)
        sinks = (self._apart() < self._openings / 2) & (self.sizes[:, None] <= self._openings)
        gaps = np.abs(self.bottoms[:, None] - np.where(sinks, floors, self.bottoms + self.heights))
        is_over = self._apart() < (self.sizes[:, None] + self.sizes) / 2
        return (gaps < TOUCHING) & is_over & ((self.bottoms[:, None] > self.bottoms) | sinks)

    def is_in(self) -> np.ndarray:
        """Return (N, N) bool: whether the thing of a row is in the open box of a column.

        Its middle is between the walls, and its lower face below the rim.
        """
        below = self.bottoms[:, None] < self.bottoms + self.heights - TOUCHING
        is_within = (self._apart() < self._openings / 2) & (self.bottoms[:, None] >= self.bottoms)
        return is_within & below & ~np.eye(len(self.ids), dtype=bool)

    @property
    def _openings(self) -> np.ndarray:
        """(N,) distances between the walls of open boxes, 0 for what is solid."""
        return np.where(self.rims > 0, self.sizes - 2 * self.rims, 0.0)

    def _apart(self) -> np.ndarray:
        """Return (N, N) distances of all middles, in x or y, whichever is larger."""
        return np.abs(self.positions[:, None] - self.positions).max(axis=-1, initial=0.0)

    def mask(self, ids: Sequence[int]) -> np.ndarray:
        """Return the (N,) bool mask of some ids."""
        return np.isin(np.array(self.ids), np.array(list(ids), dtype=int))

    def only(self, ids: Collection[int]) -> Tabletop:
        """Return the scene with these ids only."""
        kept = [row for row, i in enumerate(self.ids) if i in ids]
        arrays = (getattr(self, each.name)[kept] for each in fields(self)[1:])
        return Tabletop(tuple(self.ids[row] for row in kept), *arrays)

    def without_tool(self) -> Tabletop:
        """Return the scene without the tool: it is not on the table."""
        return self.only({*self.ids} - {TOOL_ID})

    def describe(self) -> str:
        """List ids and colours for an error message."""
        if not self.ids:
            return 'none'
        return ', '.join(
            f'#{i}' + ('' if i == TOOL_ID else f' (rgb {r:.1f} {g:.1f} {b:.1f})')
            for i, (r, g, b) in zip(self.ids, self.colors)
        )


def moved_ids(before: Tabletop, after: Tabletop) -> tuple[int, ...]:
    """Return the ids of the entities that moved farther than `MOVED`, up or down too."""
    rows = [(i, before.ids.index(i), after.ids.index(i)) for i in before.ids if i in after.ids]
    return tuple(
        i
        for i, b, a in rows
        if np.linalg.norm(
            [*(after.positions[a] - before.positions[b]), after.bottoms[a] - before.bottoms[b]]
        )
        > MOVED
    )
