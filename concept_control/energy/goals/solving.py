"""Solving of goals: an arrangement of least energy that moves as little as possible."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from concept_control.energy.agreement.elsewhere import with_places
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.scene_batch import NAT, SceneBatch, scene_batch_from_events
from concept_control.energy.search.langevin import (
    LangevinConfig,
    langevin_descent,
    scatter_starts,
)
from concept_control.energy.search.levenberg_marquardt import (
    FINISH,
    LeastSquaresConfig,
    ResidualFunction,
    energies,
    levenberg_marquardt,
)
from concept_control.energy.search.lowest_place import cell_centers, lowest_place
from concept_control.energy.search.piles import settle_pile, things_above
from concept_control.energy.search.walls import WALLS, Walls
from concept_control.errors import EventError
from concept_control.world.events import Events

_OVERLAP_SLACK = 0.02
"""Overlap up to which a solution counts as free of overlap [workspace units]."""

_MOVE_WEIGHT = 1e-3
"""Weight of the distance moved in the choice among chains of about the lowest energy."""

_SAME_ENERGY = 2e-5
"""Difference below which energies count as equal: 0.0045² workspace units, 1 mm on the table. With
ten times as much, entities that should have moved a little stayed where they were, and a quarter
of the rows of four were 10 mm crooked."""

_MARGIN = 0.03
"""Distance inside a region that ends are drawn to [workspace units], 7 mm on the table."""

_YIELDING = 1.0
"""Most weight of the walls while several bodies find their order: hard ones, which cannot pass one
another, ended in a wrong order in nearly all chains where things fill the table."""

_CHAINS, _STEPS = 24, 24
"""Starts of a solution, and Langevin steps of each."""

_READINGS, _STARTS = 2, 2
"""Readings that are drawn for each sample, and starts for each of them."""

_POLISH = replace(FINISH, iterations=16)
_INWARD_STEPS = 4
"""Least-squares steps that draw an end inwards."""

_COMPROMISES = 8
"""Starts along a side of the table where not everything can be had."""

_UNREACHED = 1e3
"""Implausibility of a place where the goal is not reached, if it can be [nats]."""


@dataclass(frozen=True)
class Solution:
    """An arrangement in which the goal holds.

    Attributes:
        positions: (N, 2) workspace units.
        bottoms: (N,) heights of the lower faces there, 0 for the table, workspace units.
        energy: Composed energy there, without overlap and edge terms.
        conjuncts: (C,) energies there of the parts that must all hold, without their weights.
        is_clear: Whether nothing overlaps.
        converged: Whether every conjunct is within the tolerance and nothing overlaps.
        moved: (N,) bool, entities that are to be moved.
        info: `initial` energy of the start, energy `with_walls` (with overlap and edge terms),
            energy of these `walls` alone, number of `solves`.
    """

    positions: np.ndarray
    bottoms: np.ndarray
    energy: float
    conjuncts: np.ndarray
    is_clear: bool
    converged: bool
    moved: np.ndarray
    info: dict[str, Any] = field(default_factory=dict)


def solve(
    goal: GoalEnergy,
    events: Events,
    movable: torch.Tensor | np.ndarray,
    seed: int = 0,
    tolerance: float = 0.0625**2,
    walls: Walls = WALLS,
) -> Solution:
    """Find where the movable entities should stand.

    Chains start from the scene as it is and from anywhere; bodies repel each other and the edge
    of the workspace. Of the chains of about the lowest energy the one that moves least is kept.
    Then the moved entities are put back one by one, and stay where they were if the rest can
    reach as low an energy without them: "near" moves one block, not four. Where things stand on
    one another, or are to, `settle_pile` finds on what each of them stands.

    Args:
        goal: Energy to descend.
        events: One scene, B = 1; its last state is the start and its first what was before.
        movable: (N,) bool, the entities that may be moved.
        seed: Seed of the starts and the Langevin noise.
        tolerance: Energy at or below which a conjunct counts as holding, whatever its weight.
        walls: What bodies keep to.

    Raises:
        EventError: if there is not exactly one scene of the goal's entities.
    """
    scene, may_move = what_may_move(goal, events, movable)
    start, generator = scene.after[0], torch.Generator().manual_seed(seed)
    with torch.no_grad():
        initial = goal.scene_value(scene).item()
        worst = goal.conjunct_values(scene).max().item()
    search = _Search(goal, scene, walls, generator)
    if search.has_piles:
        return _solve_pile(search, may_move, initial, tolerance)
    if not may_move.any() or worst + float(search.walls(scene.after, may_move)) <= 0.1 * tolerance:
        return _solution(search, start, initial, initial, tolerance, may_move, 0)

    solves, free = 1, may_move.clone()
    place, total = search.nearest(may_move, _CHAINS)
    if int(may_move.sum()) > 1:
        shift = (place - start).norm(dim=-1).masked_fill(~free, torch.inf)
        for index in shift.argsort().tolist():
            if not free[index] or int(free.sum()) == 1:
                continue
            fewer = free.clone()
            fewer[index] = False
            solves += 1
            found, value = search.nearest(fewer, _CHAINS // 2)
            if value <= total + _SAME_ENERGY:
                free, place, total = fewer, found, min(value, total)
    if int(free.sum()) == 1:
        place, total = search.most_plausible(free, place, tolerance)
    elif total > tolerance:
        place = search.compromise(may_move)
    return _solution(search, place, total, initial, tolerance, may_move, solves)


def _solve_pile(
    search: _Search, may_move: torch.Tensor, initial: float, tolerance: float
) -> Solution:
    """Solve where things stand on one another, or shall: what is in the way is put elsewhere."""
    goal, scene = search.goal, search.scene
    meant = torch.stack([term.attention for term in goal.terms]).any(dim=0).to(may_move.device)
    # What is meant lies where it is, unless on what has to move.
    may_move = may_move | things_above(scene, may_move)
    may_move = may_move | things_above(scene, may_move | meant)
    found, total = settle_pile(
        goal.scene_residual, scene, may_move, search.keeps, search.generator
    )
    there = replace(search, scene=scene._replace(bottoms=found.bottoms))
    solution = _solution(there, found.after[0], total, initial, tolerance, may_move, 1)
    raised = (found.bottoms - scene.bottoms)[0].abs() > 1e-6
    return replace(solution, moved=solution.moved | raised.cpu().numpy())


def sample(
    goal: GoalEnergy,
    events: Events,
    movable: torch.Tensor | np.ndarray,
    seed: int = 0,
    samples: int = 10,
    walls: Walls = WALLS,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw different arrangements of low energy, wherever the entities were before.

    A population: each member has a reading of all codes, drawn as the demonstrations leave it,
    and starts anywhere. Each ends where all readings together find it, and what is around it,
    most plausible nearby. The first sample is the most plausible end; each next one is that which
    most probably holds where those before it do not.

    Args:
        goal: Energy to descend.
        events: One scene, B = 1; its last state says where what may not move stands.
        movable: (N,) bool, the entities that may be moved.
        seed: Seed of the starts and the Langevin noise.
        samples: S, number of arrangements.
        walls: What bodies keep to.

    Returns:
        Positions (S, N, 2) in workspace units and energies (S,) to all readings together, those
        of overlap and of leaving the workspace included.

    Raises:
        EventError: if there is not exactly one scene of the goal's entities.
    """
    scene, may_move = what_may_move(goal, events, movable)
    generator = torch.Generator().manual_seed(seed)
    count = _READINGS * samples
    search = _Search(goal, scene, walls, generator, goal.readings(count, generator))
    found, _ = search.descend(may_move, count * _STARTS)
    together = replace(search, wanted=goal.readings(0, generator))
    place, energy = together.finish(found, may_move, draws_inside=True)
    chosen = together.complementary(place, energy, samples)
    return place[chosen].cpu().numpy().astype(float), energy[chosen].cpu().numpy().astype(float)


def what_may_move(
    goal: GoalEnergy, events: Events, movable: torch.Tensor | np.ndarray
) -> tuple[SceneBatch, torch.Tensor]:
    """Return the one scene and which of its entities (N,) may move."""
    goal.check_entities(events.num_entities)
    if len(events) != 1:
        raise EventError(f'{len(events)} scenes; expected one')
    scene = scene_batch_from_events(events).to(goal.model.device)
    may_move = torch.as_tensor(np.asarray(movable)).bool().to(scene.after.device)
    if may_move.shape != (scene.after.shape[1],):
        raise EventError(
            f'movable has shape {tuple(may_move.shape)}; expected ({scene.after.shape[1]},)'
        )
    return scene, may_move & (scene.present[0] > 0.5)


@dataclass(frozen=True)
class _Search:
    """Search for the outcomes of one scene.

    Attributes:
        goal: Energy to descend.
        scene: One scene.
        keeps: What bodies keep to.
        generator: Random generator of starts and noise.
        wanted: Residual of the goal; None for the goal's own.
    """

    goal: GoalEnergy
    scene: SceneBatch
    keeps: Walls
    generator: torch.Generator
    wanted: Callable[[SceneBatch], torch.Tensor] | None = None

    @property
    def has_piles(self) -> bool:
        """Whether things stand on one another, or may be meant to."""
        return self.scene.is_stacked or self.goal.reads_heights

    def walls(self, place: torch.Tensor, may_move: torch.Tensor) -> torch.Tensor:
        """Return the energies (S,) of overlap and of the edge at places (S, N, 2)."""
        movable = may_move.to(place.dtype).unsqueeze(0)
        return self.keeps.residuals(place, self.scene, movable).square().sum(dim=-1)

    def nearest(self, may_move: torch.Tensor, chains: int) -> tuple[torch.Tensor, float]:
        """Return the end (N, 2) that moves least of those of the lowest energy, and its energy."""
        found, values = self.descend(may_move, chains)
        shift = ((found - self.scene.after).square().sum(dim=-1) * may_move).sum(dim=-1).sqrt()
        near_best = values <= values.min() + _SAME_ENERGY
        choice = (values + _MOVE_WEIGHT * shift).masked_fill(~near_best, torch.inf).argmin()
        return found[choice], float(values[choice])

    def descend(self, may_move: torch.Tensor, chains: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the ends (chains, N, 2) and energies (chains,) with overlap and edge terms.

        The first chain starts from the scene as it is; ends are drawn inwards where that is free.
        """
        movable = may_move.to(self.scene.after.dtype).unsqueeze(0)
        edge = self.keeps.edge
        starts = scatter_starts(self.scene.after, movable, chains, self.generator, edge)[0]
        gate = movable.expand(chains, -1)
        residual = self._residual(movable)
        if int(may_move.sum()) == 1:
            found, values = levenberg_marquardt(residual, starts, gate, LeastSquaresConfig())
        else:
            config = LangevinConfig(chains=chains, steps=_STEPS, limit=1.0)
            yielding = replace(self.keeps, weight=min(self.keeps.weight, _YIELDING))
            energy = partial(energies, replace(self, keeps=yielding)._residual(movable))
            found, _ = langevin_descent(energy, starts, gate, config, self.generator)
            found, values = levenberg_marquardt(residual, found, gate, FINISH)
        inner, there = self._draw_inside(residual, found, gate)
        better = there <= values + _SAME_ENERGY / 2
        return torch.where(better[:, None, None], inner, found), torch.where(better, there, values)

    def compromise(self, may_move: torch.Tensor) -> torch.Tensor:
        """Return the end (N, 2) most plausible to all readings, where no end keeps all bounds.

        Plausibility falls slower and slower beyond a bound: one that was shown to be loose is
        given up rather than all of them a little; of a word that is asked for several times,
        one relation rather than all.
        """
        together = replace(self, wanted=self.goal.readings(0, self.generator, is_shared=False))
        found, values = together.finish(self.descend(may_move, _CHAINS)[0], may_move)
        return found[values.argmin()]

    def most_plausible(
        self, may_move: torch.Tensor, end: torch.Tensor, tolerance: float
    ) -> tuple[torch.Tensor, float]:
        """Return where the one entity that may move stands best (N, 2), and the energy with walls.

        Least squares stop where the energy first is least: on the border of a region, or between
        what cannot be had together. Here the plausibility of all readings decides, among places
        where all conjuncts hold and nothing overlaps if there are any.

        Args:
            may_move: (N,) bool, true for one entity.
            end: (N, 2) end of least squares, which may hit what a grid misses.
            tolerance: Energy at or below which a conjunct holds.
        """
        gate = may_move.to(self.scene.after).unsqueeze(0)
        one = self.scene._replace(subjects=gate)
        plausible = self.goal.readings(0, self.generator)
        # Overlap that is just allowed is as bad as one nat of implausibility.
        overlap_nat = self.keeps.weight * _OVERLAP_SLACK**2

        def reached(rows: SceneBatch, walls: torch.Tensor) -> torch.Tensor:
            holds = self.goal.conjunct_values(rows).amax(dim=-1) <= tolerance
            return holds & (walls <= overlap_nat)

        def nats(places: torch.Tensor) -> torch.Tensor:
            rows = with_places(one, places.unsqueeze(0))
            walls = self.walls(rows.after, may_move)
            found = plausible(rows).square().sum(dim=-1) / NAT + walls / overlap_nat
            return found + _UNREACHED * ~reached(rows, walls) if can_be_reached else found

        with torch.no_grad():
            there = with_places(one, end[None, may_move])
            can_be_reached = bool(reached(there, self.walls(there.after, may_move)))
            known = end[may_move]
            if not can_be_reached:
                plausible = self.goal.readings(0, self.generator, is_shared=False)
                # What is to be given up is not known; a line to stand on falls between cells.
                starts = with_places(one, cell_centers(_COMPROMISES).unsqueeze(0)).after
                ends, _ = replace(self, wanted=plausible).finish(starts, may_move)
                known = torch.cat([known, ends[:, may_move].flatten(0, 1)])
            place = lowest_place(nats, known, self.generator)
            best = with_places(one, place.view(1, 1, 2))
            energy = self.goal.scene_value(best) + self.walls(best.after, may_move)
        return best.after[0], float(energy)

    def finish(
        self, place: torch.Tensor, may_move: torch.Tensor, draws_inside: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the ends (S, N, 2) and energies (S,) of least squares from places (S, N, 2)."""
        movable = may_move.to(place.dtype).unsqueeze(0)
        gate = movable.expand(len(place), -1)
        residual = self._residual(movable)
        found, values = levenberg_marquardt(residual, place, gate, _POLISH)
        return self._draw_inside(residual, found, gate) if draws_inside else (found, values)

    def _draw_inside(
        self, residual: ResidualFunction, place: torch.Tensor, gate: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw ends (S, N, 2) on the border of a region inwards; return them and their energies.

        Least squares stop where the energy first becomes zero; a robot that misses that point by
        a millimetre is outside. So the energies are reduced where each entity is a little off, in
        four directions, each entity in another one at a time.
        """
        turn = torch.randint(4, place.shape[:2], generator=self.generator).to(place.device)
        angle = math.pi / 2 * (torch.arange(4, device=place.device)[:, None] + turn[:, None])
        off = _MARGIN * torch.stack([angle.cos(), angle.sin()], dim=-1) * gate[:, None, :, None]

        def around_residual(places: torch.Tensor) -> torch.Tensor:
            near = (places.unsqueeze(2) + off.unsqueeze(1)).flatten(1, 2)
            return residual(near).unflatten(1, (-1, 4)).flatten(2) / 2

        config = LeastSquaresConfig(iterations=_INWARD_STEPS)
        inner, _ = levenberg_marquardt(around_residual, place, gate, config)
        with torch.no_grad():
            return inner, energies(residual, inner)

    def complementary(
        self, place: torch.Tensor, energy: torch.Tensor, number: int
    ) -> torch.Tensor:
        """Return which of S arrangements are likeliest to hold where those before them do not.

        Args:
            place: (S, N, 2) arrangements.
            energy: (S,) how implausible they are to all readings.
            number: Number of arrangements to choose.

        Returns:
            (number,) their index, the most plausible first.
        """
        both = self.goal.readings(0, self.generator, alternatives=2)
        rows = self.scene.repeat(2 * len(place))

        def chances(energy: torch.Tensor) -> torch.Tensor:
            # Of the likeliest; a probability may be too small for a number.
            return ((least - energy.double()) / NAT).exp()

        least = energy.double().min()
        gain = chance = chances(energy)
        chosen: list[int] = []
        while len(chosen) < number:
            best = int(gain.argmax())
            chosen.append(best)
            pairs = torch.stack([place, place[best].expand_as(place)], dim=1).flatten(0, 1)
            with torch.no_grad():
                shared = both(rows._replace(after=pairs)).square().sum(dim=-1)
            gain = torch.minimum(gain, chance - chances(shared))
            gain[best] = -torch.inf
        return torch.tensor(chosen)

    def _residual(self, movable: torch.Tensor) -> ResidualFunction:
        copies = cache(self.scene.repeat)
        wanted = self.wanted or self.goal.scene_residual

        def residual(places: torch.Tensor) -> torch.Tensor:
            place = places.flatten(0, 1)
            every = copies(len(place))
            found = wanted(every._replace(after=place))
            walls = self.keeps.residuals(place, every, movable)
            return torch.cat([found, walls], dim=-1).unflatten(0, places.shape[:2])

        return residual


def _solution(
    search: _Search,
    place: torch.Tensor,
    total: float,
    initial: float,
    tolerance: float,
    may_move: torch.Tensor,
    solves: int,
) -> Solution:
    goal, scene = search.goal, search.scene
    moved = ((place - scene.after[0]).norm(dim=-1) > 1e-6) & may_move
    with torch.no_grad():
        final = scene._replace(after=place.unsqueeze(0))
        value = goal.scene_value(final).item()
        conjuncts = goal.conjunct_values(final)[0].cpu().numpy().astype(float)
        walls = float(search.walls(final.after, may_move))
    is_clear = walls <= search.keeps.weight * _OVERLAP_SLACK**2 or solves == 0
    return Solution(
        positions=place.cpu().numpy().astype(float),
        bottoms=scene.bottoms[0].cpu().numpy().astype(float),
        energy=value,
        conjuncts=conjuncts,
        is_clear=is_clear,
        converged=bool((conjuncts <= tolerance).all() and is_clear),
        moved=moved.cpu().numpy(),
        info={'initial': initial, 'with_walls': total, 'walls': walls, 'solves': solves},
    )
