"""Solving of goals: an arrangement of least energy that moves as little as possible."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.energy.search.langevin import (
    LangevinConfig,
    keep_lowest,
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
from concept_control.errors import EventError
from concept_control.world.events import Events

SEPARATION = 1.3
"""Distance in mean side lengths below which centres repel: a release needs room."""

EDGE = 0.97
"""Largest |coordinate| without a penalty [workspace units]."""

_OVERLAP_SLACK = 0.02
"""Overlap up to which a solution counts as free of overlap [workspace units]."""

_WALL_WEIGHT = 4.0
"""Weight of the squared overlaps and excesses over the edge."""

_MOVE_WEIGHT = 1e-3
"""Weight of the distance moved in the choice among chains of about the lowest energy."""

_SAME_ENERGY = 2e-5
"""Difference below which energies count as equal: 0.0045² workspace units, 1 mm on the table. With
ten times as much, entities that should have moved a little stayed where they were, and a quarter
of the rows of four were 10 mm crooked."""

_MARGIN = 0.03
"""Distance inside a region that ends are drawn to [workspace units], 7 mm on the table."""

_INWARD_STEPS = 4
"""Least-squares steps that draw an end inwards."""


@dataclass(frozen=True)
class Solution:
    """An arrangement in which the goal holds.

    Attributes:
        positions: (N, 2) workspace units.
        energy: Composed energy there, without overlap and edge terms.
        conjuncts: (C,) energies there of the parts that must all hold, without their weights.
        is_clear: Whether nothing overlaps.
        converged: Whether every conjunct is within the tolerance and nothing overlaps.
        moved: (N,) bool, entities that are to be moved.
        info: `initial` energy of the start, energy `with_walls` (with overlap and edge terms),
            energy of these `walls` alone, number of `solves`.
    """

    positions: np.ndarray
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
    chains: int = 24,
    steps: int = 24,
    tolerance: float = 0.0625**2,
) -> Solution:
    """Find where the movable entities should stand.

    Chains start from the scene as it is and from anywhere; bodies repel each other and the edge
    of the workspace. Of the chains of about the lowest energy the one that moves least is kept.
    Then the moved entities are put back one by one, and stay where they were if the rest can
    reach as low an energy without them: "near" moves one block, not four.

    Args:
        goal: Energy to descend.
        events: One scene, B = 1; its last state is the start and its first what was before.
        movable: (N,) bool, the entities that may be moved.
        seed: Seed of the starts and the Langevin noise.
        chains: Number of starts.
        steps: Langevin steps of each chain.
        tolerance: Energy at or below which a conjunct counts as holding, whatever its weight.

    Raises:
        EventError: if there is not exactly one scene of the goal's entities.
    """
    scene, may_move = _what_may_move(goal, events, movable)
    start = scene.after[0]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        initial = goal.scene_value(scene).item()
        worst = goal.conjunct_values(scene).max().item()
    walls = _walls(scene.after, scene, may_move.to(start.dtype).unsqueeze(0)).item()
    if not may_move.any() or worst + walls <= 0.1 * tolerance:
        return _solution(goal, scene, start, initial, initial, tolerance, may_move, 0)

    solves = 1
    place, total = _search(goal, scene, may_move, chains, steps, generator)
    if int(may_move.sum()) > 1:
        free = may_move.clone()
        shift = (place - start).norm(dim=-1).masked_fill(~free, torch.inf)
        for index in shift.argsort().tolist():
            if not free[index] or int(free.sum()) == 1:
                continue
            fewer = free.clone()
            fewer[index] = False
            solves += 1
            found, value = _search(goal, scene, fewer, max(chains // 2, 4), steps, generator)
            if value <= total + _SAME_ENERGY:
                free, place, total = fewer, found, min(value, total)
    return _solution(goal, scene, place, total, initial, tolerance, may_move, solves)


def sample(
    goal: GoalEnergy,
    events: Events,
    movable: torch.Tensor | np.ndarray,
    seed: int = 0,
    samples: int = 10,
    chains: int = 8,
    steps: int = 24,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw independent arrangements of low energy, wherever the entities were before.

    Args:
        goal: Energy to descend.
        events: One scene, B = 1; its last state says where what may not move stands.
        movable: (N,) bool, the entities that may be moved.
        seed: Seed of the starts and the Langevin noise.
        samples: S, number of arrangements.
        chains: Number of starts for each of them; the lowest energy is kept.
        steps: Langevin steps of each chain.

    Returns:
        Positions (S, N, 2) in workspace units and energies (S,), those of overlap and of
        leaving the workspace included.

    Raises:
        EventError: if there is not exactly one scene of the goal's entities.
    """
    scene, may_move = _what_may_move(goal, events, movable)
    generator = torch.Generator().manual_seed(seed)
    found, values = _descend(goal, scene, may_move, 1 + samples * chains, steps, generator)
    # The first chain starts from the scene as it is: that would be no sample like the others.
    place, energies = found[1:].unflatten(0, (samples, chains)), values[1:].view(samples, chains)
    best, lowest = keep_lowest(place, energies)
    return best.cpu().numpy().astype(float), lowest.cpu().numpy().astype(float)


def _what_may_move(
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


def _search(
    goal: GoalEnergy,
    scene: SceneBatch,
    may_move: torch.Tensor,
    chains: int,
    steps: int,
    generator: torch.Generator,
) -> tuple[torch.Tensor, float]:
    found, values = _descend(goal, scene, may_move, chains, steps, generator)
    shift = ((found - scene.after).square().sum(dim=-1) * may_move).sum(dim=-1).sqrt()
    near_best = values <= values.min() + _SAME_ENERGY
    choice = (values + _MOVE_WEIGHT * shift).masked_fill(~near_best, torch.inf).argmin()
    return found[choice], float(values[choice])


def _descend(
    goal: GoalEnergy,
    scene: SceneBatch,
    may_move: torch.Tensor,
    chains: int,
    steps: int,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ends (chains, N, 2) and energies (chains,) with overlap and edge terms.

    The first chain starts from the scene as it is.
    """
    movable = may_move.to(scene.after.dtype).unsqueeze(0)
    starts = scatter_starts(scene.after, movable, chains, generator, EDGE)[0]
    gate = movable.expand(chains, -1)
    copies = cache(scene.repeat)

    def residual(places: torch.Tensor) -> torch.Tensor:
        place = places.flatten(0, 1)
        every = copies(len(place))
        wanted = goal.scene_residual(every._replace(after=place))
        found = torch.cat([wanted, _wall_residuals(place, every, movable)], dim=-1)
        return found.unflatten(0, places.shape[:2])

    if int(may_move.sum()) == 1:
        found, values = levenberg_marquardt(residual, starts, gate, LeastSquaresConfig())
        return _draw_inside(residual, found, values, gate)

    config = LangevinConfig(chains=chains, steps=steps, limit=1.0)
    found, _ = langevin_descent(partial(energies, residual), starts, gate, config, generator)
    return levenberg_marquardt(residual, found, gate, FINISH)


def _draw_inside(
    residual: ResidualFunction, place: torch.Tensor, value: torch.Tensor, gate: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw ends on the border of a region inwards where that costs no energy.

    Least squares stop where the energy first becomes zero; a robot that misses that point by a
    millimetre is outside. So the energy at four points around is reduced too.
    """
    around = _MARGIN * place.new_tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])

    def around_residual(places: torch.Tensor) -> torch.Tensor:
        near = places.unsqueeze(2) + around[:, None] * gate[:, None, None, :, None]
        found = residual(near.flatten(1, 2))
        return found.unflatten(1, (-1, len(around))).flatten(2) / 2

    config = LeastSquaresConfig(iterations=_INWARD_STEPS)
    inner, _ = levenberg_marquardt(around_residual, place, gate, config)
    with torch.no_grad():
        there = energies(residual, inner)
    better = there <= value + _SAME_ENERGY / 2
    return torch.where(better[:, None, None], inner, place), torch.where(better, there, value)


def _walls(place: torch.Tensor, scene: SceneBatch, movable: torch.Tensor) -> torch.Tensor:
    """Return the energies (B,) of overlap and of the edge, of entities that may move."""
    return _wall_residuals(place, scene, movable).square().sum(dim=-1)


def _wall_residuals(place: torch.Tensor, scene: SceneBatch, movable: torch.Tensor) -> torch.Tensor:
    """Return the residuals (B, N * N + 2 N) of overlap and of the edge."""
    room = SEPARATION * (scene.sizes.unsqueeze(-1) + scene.sizes.unsqueeze(-2)) / 2
    gap = (place.unsqueeze(-2) - place.unsqueeze(-3)).square().sum(dim=-1)
    gap = (gap + 1e-6).sqrt()
    either_moves = 1 - (1 - movable.unsqueeze(-1)) * (1 - movable.unsqueeze(-2))
    here = scene.present.unsqueeze(-1) * scene.present.unsqueeze(-2)
    apart = 1 - torch.eye(place.shape[1], dtype=place.dtype, device=place.device)
    # Each pair comes twice.
    overlap = 0.5**0.5 * torch.relu(room - gap) * (either_moves * here * apart)
    outside = torch.relu(place.abs() - EDGE) * movable.unsqueeze(-1)
    return _WALL_WEIGHT**0.5 * torch.cat([overlap.flatten(1), outside.flatten(1)], dim=-1)


def _solution(
    goal: GoalEnergy,
    scene: SceneBatch,
    place: torch.Tensor,
    total: float,
    initial: float,
    tolerance: float,
    may_move: torch.Tensor,
    solves: int,
) -> Solution:
    moved = ((place - scene.after[0]).norm(dim=-1) > 1e-6) & may_move
    with torch.no_grad():
        final = scene._replace(after=place.unsqueeze(0))
        value = goal.scene_value(final).item()
        conjuncts = goal.conjunct_values(final)[0].cpu().numpy().astype(float)
        walls = _walls(final.after, final, may_move.to(place.dtype).unsqueeze(0)).item()
    is_clear = walls <= _WALL_WEIGHT * _OVERLAP_SLACK**2 or solves == 0
    return Solution(
        positions=place.cpu().numpy().astype(float),
        energy=value,
        conjuncts=conjuncts,
        is_clear=is_clear,
        converged=bool((conjuncts <= tolerance).all() and is_clear),
        moved=moved.cpu().numpy(),
        info={'initial': initial, 'with_walls': total, 'walls': walls, 'solves': solves},
    )
