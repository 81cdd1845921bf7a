"""Search over what carries what: each thing stands on the table, on one other thing or on two.

On what a thing stands is a discrete choice, its place there a continuous one, and how high it is
follows from both. Choices are changed one at a time, and the best are kept (beam search); the
places of those are then found by least squares. Things on two others are tried where those on one
do not reach what is wanted: there are many more of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import torch

from concept_control.energy.scene_batch import SceneBatch, below_rim, floors, rests_on, wall_gaps
from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    levenberg_marquardt,
)
from concept_control.energy.search.walls import DIAGONAL, Walls

_TABLE = -1
_MOST_CARRIERS = 2
_BEAM = 24
_REFINED = 16
_MOVE = 1e-3
"""Energy of one thing that has to be moved: of two ways to reach a goal the shorter is taken."""

_STACK = 1.5e-3
"""Energy of one thing that is put on another: where the table does as well, it is taken."""

_REACHED = 1e-3
"""Energy up to which nothing is put on two others to lower it."""

_SCATTERED = 3
"""Starts of each pile in which what stands on the table and may move stands anywhere."""

_ROOM = 1.6
"""Distance to all others of a free place, in sums of half sides."""

_SPAN = 1.05
"""Distance of two that are to carry a third, in those from which on they do not repel."""

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
        found = search.refine(search.beam(1))
        if found[1] > _REACHED:
            on_two = search.refine(search.beam(_MOST_CARRIERS))
            found = on_two if on_two[1] + _STACK < found[1] else found
    return found


@dataclass
class _PileSearch:
    """Search over piles of one scene; carriers (K, N, 2) say what each thing stands on.

    They are numbers of things, the larger first, and `_TABLE` where there is none.
    """

    residual: Residual
    one: SceneBatch
    may_move: torch.Tensor
    walls: Walls
    generator: torch.Generator

    def __post_init__(self) -> None:
        rests = rests_on(self.one)[0]
        # Of more carriers those whose middles are nearest.
        away = (self.one.after[0].unsqueeze(1) - self.one.after[0].unsqueeze(0)).norm(dim=-1)
        away = torch.where(rests, away, torch.inf)
        away = torch.nn.functional.pad(away, (0, _MOST_CARRIERS), value=torch.inf)
        nearest, index = away.topk(_MOST_CARRIERS, dim=-1, largest=False)
        found = torch.where(nearest.isinf(), _TABLE, index)
        self.carriers = found.sort(dim=-1, descending=True).values
        self.free_places = self._free_places()
        widths, openings = self.one.sides[0].amax(dim=-1), self.one.sides[0].amin(dim=-1)
        openings = openings - 2 * self.one.rims[0]
        # (N, N) whether the first goes into the second, an open box, however both are turned.
        self.goes_in = (self.one.rims[0] > 0) & (DIAGONAL * widths.unsqueeze(-1) <= openings)
        self.gate = self.may_move.to(self.one.after).unsqueeze(0)

    def beam(self, most_carriers: int) -> torch.Tensor:
        """Return the best carriers (K, N, 2), the lowest energy first, with so many of a thing."""
        kept, lowest = self.carriers.unsqueeze(0), torch.inf
        for _ in range(2 * int(self.may_move.sum()) + 1):
            pool = torch.cat([kept, self._neighbours(kept, most_carriers)]).unique(dim=0)
            scores = self._scores(*self.layout(pool)) + _STACK * self._num_stacked(pool)
            order = scores.argsort(stable=True)[:_BEAM]
            is_same = len(order) == len(kept) and bool((pool[order] == kept).all())
            kept, lowest = pool[order], float(scores[order[0]])
            if is_same or lowest <= _MOVE:
                break
        return kept

    def _neighbours(self, carriers: torch.Tensor, most_carriers: int) -> torch.Tensor:
        """Return all carriers (K, N, 2) that differ from given ones in those of one thing."""
        here = torch.nonzero(self.one.present[0])[:, 0].tolist()
        found = []
        for thing in torch.nonzero(self.may_move)[:, 0].tolist():
            others = [other for other in reversed(here) if other != thing]
            for num in range(most_carriers + 1):
                for chosen in combinations(others, num):
                    changed = carriers.clone()
                    changed[:, thing] = changed.new_tensor([*chosen, _TABLE, _TABLE][:2])
                    found.append(changed)
        every = torch.cat(found or [carriers])
        # Whatever stands on the table, or on what does, directly or not, stands in no circle.
        stands = torch.zeros_like(every[..., 0], dtype=torch.bool)
        for _ in range(carriers.shape[1]):
            stands = (_at_carriers(stands, every) | (every == _TABLE)).all(dim=-1)
        return every[stands.all(dim=-1)]

    def layout(
        self, carriers: torch.Tensor, roots: torch.Tensor | None = None
    ) -> tuple[SceneBatch, torch.Tensor]:
        """Return scenes (K) with things where carriers (K, N, 2) have them, and which were moved.

        What gets other carriers is put on the middle of them, or on a free place of the table;
        what rests on something that is moved goes along, and two that are to carry a third are
        brought together. Places `roots` (K, N, 2) are those of all things on the table that may
        move; None: these stay.
        """
        rows = self.one.repeat(len(carriers))
        is_carrier = carriers != _TABLE
        is_carried = is_carrier.any(dim=-1)
        share = is_carrier / is_carrier.sum(dim=-1, keepdim=True).clamp(min=1)
        changed = (carriers != self.carriers).any(dim=-1)
        place = torch.where((changed & ~is_carried).unsqueeze(-1), self.free_places, rows.after)
        if roots is not None:
            changed = changed | (self.may_move & ~is_carried)
            place = torch.where((self.may_move & ~is_carried).unsqueeze(-1), roots, place)
        leader, apart = self._leaders(carriers, changed, place)
        is_led = (leader != _TABLE).unsqueeze(-1)
        along = leader.clamp(min=0).unsqueeze(-1).expand(-1, -1, 2)

        def below(places: torch.Tensor) -> torch.Tensor:
            return (_at_carriers(places, carriers) * share.unsqueeze(-1)).sum(dim=2)

        bottoms, thing = torch.zeros_like(rows.bottoms), torch.arange(carriers.shape[1])
        goes_in = self.goes_in[thing.unsqueeze(-1), carriers.clamp(min=0)]
        offset = torch.where(changed.unsqueeze(-1), 0.0, rows.after - below(rows.after))
        changed = changed | is_led.squeeze(-1)
        moved = changed
        for _ in range(carriers.shape[1]):
            moved = changed | (_at_carriers(moved, carriers) & is_carrier).any(dim=-1)
            place = torch.where(is_led, place.gather(1, along) + apart, place)
            there = (is_carried & moved).unsqueeze(-1)
            place = torch.where(there, below(place) + offset, place)
            tops = _at_carriers(bottoms + rows.heights, carriers)
            inner = _at_carriers(floors(bottoms, rows.rims), carriers)
            tops = torch.where(goes_in, inner, tops)
            bottoms = torch.where(is_carrier, tops, 0.0).amax(dim=-1)
        # What stays keeps the height at which it was seen.
        bottoms = torch.where(moved, bottoms, rows.bottoms)
        return rows._replace(after=place, bottoms=bottoms), moved

    def _leaders(
        self, carriers: torch.Tensor, changed: torch.Tensor, place: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return beside which thing (K, N) each is to stand, and where from there (K, N, 2).

        Of two on the table that are to carry a third and are not near enough, one is led.
        """
        rows = torch.arange(len(carriers))
        leader = torch.full_like(carriers[..., 0], _TABLE)
        apart, sides = torch.zeros_like(place), self.one.sides[0]
        may_be_led = self.may_move & (carriers == _TABLE).all(dim=-1)
        carried_by_two = torch.nonzero((carriers[..., 1] != _TABLE).any(dim=0))[:, 0]
        for thing in carried_by_two.tolist():
            first, second = carriers[:, thing].unbind(dim=-1)
            is_pair = second != _TABLE
            first, second = first.clamp(min=0), second.clamp(min=0)
            can_follow = may_be_led[rows, second] & (leader[rows, second] == _TABLE)
            can_follow &= leader[rows, first] != second
            lead = torch.where(can_follow, first, second)
            led = torch.where(can_follow, second, first)
            reach = (sides[lead] + sides[led]) / 2
            way = place[rows, led] - place[rows, lead]
            gap = (way.abs() - reach).amax(dim=-1)
            is_near = (gap >= 0) & (gap < sides[thing].mean() / 2)
            stays = ~changed[rows, lead] & ~changed[rows, led] & is_near
            may = may_be_led[rows, led] & (leader[rows, led] == _TABLE)
            may &= leader[rows, lead] != led
            axis = torch.nn.functional.one_hot(way.abs().argmax(dim=-1), 2)
            step = _SPAN * self.walls.separation * reach * torch.where(way < 0, -axis, axis)
            is_off = (place[rows, lead] + step).abs() > self.walls.edge
            step = torch.where(is_off.any(dim=-1, keepdim=True), -step, step)
            chosen = torch.nonzero(is_pair & ~stays & may)[:, 0]
            leader[chosen, led[chosen]] = lead[chosen]
            apart[chosen, led[chosen]] = step[chosen]
        return leader, apart

    def refine(self, carriers: torch.Tensor) -> tuple[SceneBatch, float]:
        """Return the scene of least energy that carriers (K, N, 2) allow, and its energy."""
        carriers = carriers[:_REFINED]
        rows, moved = self.layout(carriers)
        every = carriers.repeat(_SCATTERED, 1, 1)
        anywhere = 2 * torch.rand(*every.shape, generator=self.generator) - 1
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
        if rows.has_open_boxes:
            # What came into a box over the table is at its walls: who stands in it, in the middle.
            inside = below_rim(there := rows._replace(after=place)) & (wall_gaps(there, 0.0) > 0)
            on_table = (carriers == _TABLE).all(dim=-1).repeat(2 + _SCATTERED, 1)
            effort = effort + 2 * _STACK * (inside.any(dim=-1) & on_table).sum(dim=-1)
        best = int((values + effort).argmin())
        chosen = slice(best, best + 1)
        return rows.select(chosen)._replace(after=place[chosen]), float(values[best])

    def _num_stacked(self, carriers: torch.Tensor) -> torch.Tensor:
        is_other = (carriers != self.carriers).any(dim=-1)
        return ((carriers != _TABLE).any(dim=-1) & is_other).sum(dim=-1)

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


def _at_carriers(values: torch.Tensor, carriers: torch.Tensor) -> torch.Tensor:
    """Return the values (K, N, 2, ...) of carriers (K, N, 2) of values (K, N, ...)."""
    rows = torch.arange(len(values)).view(-1, 1, 1)
    return values[rows, carriers.clamp(min=0)]
