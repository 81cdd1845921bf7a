"""Search over what carries what: each thing stands on the table or on one other thing.

On what a thing stands is a discrete choice, its place there a continuous one, and how high it is
follows from both. Choices are changed one at a time, and the best are kept (beam search); the
places of those are then found by least squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from concept_control.energy.scene_batch import SceneBatch, rests_on
from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    levenberg_marquardt,
)
from concept_control.energy.search.walls import Walls

_TABLE = -1
_BEAM = 24
_REFINED = 16
_MOVE = 1e-3
"""Energy of one thing that has to be moved: of two ways to reach a goal the shorter is taken."""

_STACK = 1.5e-3
"""Energy of one thing that is put on another: where the table does as well, it is taken."""

_SCATTERED = 3
"""Starts of each pile in which what stands on the table and may move stands anywhere."""

_ROOM = 1.6
"""Distance to all others of a free place, in sums of half sides."""

_PLACES = LeastSquaresConfig(iterations=20)

Residual = Callable[[SceneBatch], torch.Tensor]


def things_above(one: SceneBatch, mask: torch.Tensor) -> torch.Tensor:
    """Return which things (N,) rest on those of a mask (N,), or on what these carry."""
    rests, above = rests_on(one)[0], torch.zeros_like(mask)
    for _ in range(len(mask)):
        above = above | (rests & (mask | above)).any(dim=-1)
    return above & ~mask


def settle_pile(
    residual: Residual,
    one: SceneBatch,
    may_move: torch.Tensor,
    walls: Walls,
    generator: torch.Generator,
) -> tuple[SceneBatch, float]:
    """Return one scene as it should be, and its energy with walls.

    Args:
        residual: Function of scenes to the residuals (B, K) of what is wanted.
        one: One scene as it is.
        may_move: (N,) bool; what rests on something that has to move needs to be among them.
        walls: What bodies keep to.
        generator: Random generator of the starts.
    """
    search = _PileSearch(residual, one, may_move, walls, generator)
    with torch.no_grad():
        return search.refine(search.beam())


@dataclass
class _PileSearch:
    """Search over piles of one scene; a row of carriers (K, N) says what each thing stands on."""

    residual: Residual
    one: SceneBatch
    may_move: torch.Tensor
    walls: Walls
    generator: torch.Generator

    def __post_init__(self) -> None:
        rests = rests_on(self.one)[0]
        # Of several carriers the one whose middle is nearest.
        away = (self.one.after[0].unsqueeze(1) - self.one.after[0].unsqueeze(0)).norm(dim=-1)
        nearest = torch.where(rests, away, torch.inf).argmin(dim=-1)
        self.carriers = torch.where(rests.any(dim=-1), nearest, _TABLE)
        self.free_places = self._free_places()
        self.gate = self.may_move.to(self.one.after).unsqueeze(0)

    def beam(self) -> torch.Tensor:
        """Return the best carriers (K, N), the lowest energy first."""
        kept, lowest = self.carriers.unsqueeze(0), torch.inf
        for _ in range(2 * int(self.may_move.sum()) + 1):
            pool = torch.cat([kept, self._neighbours(kept)]).unique(dim=0)
            scores = self._scores(*self.layout(pool)) + _STACK * self._num_stacked(pool)
            order = scores.argsort(stable=True)[:_BEAM]
            is_same = len(order) == len(kept) and bool((pool[order] == kept).all())
            kept, lowest = pool[order], float(scores[order[0]])
            if is_same or lowest <= _MOVE:
                break
        return kept

    def _neighbours(self, carriers: torch.Tensor) -> torch.Tensor:
        """Return all carriers (K, N) that differ from given ones in one thing."""
        count = carriers.shape[1]
        found = []
        for thing in torch.nonzero(self.may_move)[:, 0].tolist():
            for carrier in range(_TABLE, count):
                if carrier != thing and (carrier == _TABLE or bool(self.one.present[0, carrier])):
                    changed = carriers.clone()
                    changed[:, thing] = carrier
                    found.append(changed)
        every = torch.cat(found or [carriers])
        root = every
        for _ in range(count):
            below = every.gather(1, root.clamp(min=0))
            root = torch.where(root == _TABLE, root, below)
        return every[(root == _TABLE).all(dim=-1)]

    def layout(
        self, carriers: torch.Tensor, roots: torch.Tensor | None = None
    ) -> tuple[SceneBatch, torch.Tensor]:
        """Return scenes (K) with things where carriers (K, N) have them, and which were moved.

        What gets another carrier is put on its middle, or on a free place of the table; what rests
        on something that is moved goes along. Places `roots` (K, N, 2) are those of all things on
        the table that may move; None: these stay.
        """
        rows = self.one.repeat(len(carriers))
        is_carried, index = carriers != _TABLE, carriers.clamp(min=0)
        changed = carriers != self.carriers
        place = torch.where((changed & ~is_carried).unsqueeze(-1), self.free_places, rows.after)
        if roots is not None:
            changed = changed | (self.may_move & ~is_carried)
            place = torch.where((self.may_move & ~is_carried).unsqueeze(-1), roots, place)
        moved, bottoms = changed.clone(), torch.zeros_like(rows.bottoms)
        along = index.unsqueeze(-1).expand(-1, -1, 2)
        offset = torch.where(changed.unsqueeze(-1), 0.0, rows.after - rows.after.gather(1, along))
        for _ in range(carriers.shape[1]):
            moved = changed | (is_carried & moved.gather(1, index))
            there = place.gather(1, along) + offset
            place = torch.where((is_carried & moved).unsqueeze(-1), there, place)
            bottoms = torch.where(is_carried, (bottoms + rows.heights).gather(1, index), 0.0)
        # What stays keeps the height at which it was seen.
        bottoms = torch.where(moved, bottoms, rows.bottoms)
        return rows._replace(after=place, bottoms=bottoms), moved

    def refine(self, carriers: torch.Tensor) -> tuple[SceneBatch, float]:
        """Return the scene of least energy of those that carriers (K, N) allow, and its energy."""
        carriers = carriers[:_REFINED]
        rows, moved = self.layout(carriers)
        every = carriers.repeat(_SCATTERED, 1)
        anywhere = 2 * torch.rand(*every.shape, 2, generator=self.generator) - 1
        scattered, _ = self.layout(every, self.walls.edge * anywhere.to(rows.after))
        rows = SceneBatch.concatenate([rows, rows, scattered])
        others = self.may_move.expand(len(rows.after) - len(moved), -1)
        gates = torch.cat([moved & self.may_move, others])
        stacked = self._num_stacked(carriers).repeat(2 + _SCATTERED)

        def residual(places: torch.Tensor) -> torch.Tensor:
            every = rows.repeat(places.shape[1])._replace(after=places.flatten(0, 1))
            found = torch.cat([self.residual(every), self._walls(every)], dim=-1)
            return found.unflatten(0, places.shape[:2])

        place, values = levenberg_marquardt(residual, rows.after, gates.to(rows.after), _PLACES)
        shift = torch.cat(
            [place - self.one.after, (rows.bottoms - self.one.bottoms).unsqueeze(-1)], dim=-1
        ).norm(dim=-1)
        effort = _MOVE * ((shift > 1e-3).sum(dim=-1) + 0.1 * shift.sum(dim=-1)) + _STACK * stacked
        best = int((values + effort).argmin())
        chosen = slice(best, best + 1)
        return rows.select(chosen)._replace(after=place[chosen]), float(values[best])

    def _num_stacked(self, carriers: torch.Tensor) -> torch.Tensor:
        return ((carriers != _TABLE) & (carriers != self.carriers)).sum(dim=-1)

    def _walls(self, rows: SceneBatch) -> torch.Tensor:
        return self.walls.residuals(rows.after, rows, self.gate)

    def _scores(self, rows: SceneBatch, moved: torch.Tensor) -> torch.Tensor:
        wanted = self.residual(rows).square().sum(dim=-1)
        return wanted + self._walls(rows).square().sum(dim=-1) + _MOVE * moved.sum(dim=-1)

    def _free_places(self) -> torch.Tensor:
        """Return (N, 2) the nearest place of the table for each thing where nothing stands."""
        ticks = torch.linspace(-0.85, 0.85, 18).to(self.one.after)
        grid = torch.cartesian_prod(ticks, ticks)
        taken, sides = self.one.after[0].clone(), self.one.sides[0].mean(dim=-1)
        found = taken.clone()
        for thing in torch.nonzero(self.may_move)[:, 0].tolist():
            reach = _ROOM * (sides + sides[thing]) / 2
            room = ((grid.unsqueeze(1) - taken).abs().amax(dim=-1) / reach).amin(dim=-1)
            away = (grid - self.one.after[0, thing]).norm(dim=-1)
            # Where no place is free, the emptiest.
            best = torch.where(room >= 1, away, 10 - room).argmin()
            found[thing] = grid[best]
            taken, sides = (
                torch.cat([taken, grid[best][None]]),
                torch.cat([sides, sides[thing][None]]),
            )
        return found
