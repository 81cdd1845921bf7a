"""Solving of goals in which things stand on given places: annealed moves of one at a time.

Where only some places can be taken, a board's squares or slots of a tray, there is nothing to
descend. Each movable thing in turn is put on a place drawn by how plausible it is there, all
others where they are (Gibbs sampling), colder and colder (simulated annealing); several chains at
once. Plausibility, not the residual: a bound that is doubted costs no more than its doubt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.goals.solving import what_may_move
from concept_control.energy.scene_batch import SceneBatch
from concept_control.world.events import Events

CHAINS, SWEEPS = 6, 40
"""Chains, and most moves of each entity."""

HOTTEST, COLDEST = 0.1, 0.003
"""Temperatures of the first and the last sweep, energies: 10 and 0.3 nats."""

_SOLVED = 1e-6

_Residual = Callable[[SceneBatch], torch.Tensor]


def solve_on_places(
    goal: GoalEnergy,
    events: Events,
    movable: torch.Tensor | np.ndarray,
    places: np.ndarray,
    seed: int = 0,
) -> np.ndarray:
    """Put the movable entities on places such that the energy is least; no place holds two.

    Args:
        goal: Energy to minimise.
        events: One scene, B = 1; its last state says where what may not move stands.
        movable: (N,) bool, the entities that may be moved.
        places: (P, 2) workspace units, at least as many as entities that may move.
        seed: Seed of the moves.

    Returns:
        Positions (N, 2).

    Raises:
        EventError: if there is not exactly one scene of the goal's entities.
    """
    scene, may_move = what_may_move(goal, events, movable)
    generator = torch.Generator().manual_seed(seed)
    movers = torch.nonzero(may_move)[:, 0].tolist()
    spots = torch.as_tensor(places).to(scene.after)
    around = {mover: _about(goal, mover, generator) for mover in movers}
    together = goal.readings(0, generator, is_shared=False)
    # Where each mover of each chain is, by number of place.
    taken = torch.stack(
        [torch.randperm(len(spots), generator=generator)[: len(movers)] for _ in range(CHAINS)]
    )
    every = scene.repeat(CHAINS)
    after = every.after.clone()
    after[:, movers] = spots[taken]
    many = scene.repeat(CHAINS * len(spots))
    for temperature in np.geomspace(HOTTEST, COLDEST, SWEEPS).tolist():
        for slot in torch.randperm(len(movers), generator=generator).tolist():
            mover = movers[slot]
            tried = after.repeat_interleave(len(spots), dim=0)
            tried[:, mover] = spots.repeat(CHAINS, 1)
            energy = _energy(around[mover], many._replace(after=tried)).view(CHAINS, -1)
            others = torch.cat([taken[:, :slot], taken[:, slot + 1 :]], dim=1)
            energy = energy.scatter(1, others, torch.inf)
            share = torch.softmax(-(energy - energy.amin(dim=1, keepdim=True)) / temperature, 1)
            taken[:, slot] = torch.multinomial(share, 1, generator=generator)[:, 0]
            after[:, mover] = spots[taken[:, slot]]
        energy = _energy(goal.scene_residual, every._replace(after=after))
        if is_solved := bool(energy.min() < _SOLVED):
            break
    best = (energy if is_solved else _energy(together, every._replace(after=after))).argmin()
    return after[best].cpu().numpy().astype(float)


def _energy(residual: _Residual | None, scene: SceneBatch) -> torch.Tensor:
    with torch.no_grad():
        if residual is None:
            return scene.after.new_zeros(scene.num_events)
        return residual(scene).square().sum(dim=-1)


def _about(goal: GoalEnergy, entity: int, generator: torch.Generator) -> _Residual | None:
    """Return how implausible those conjuncts are that are about an entity, without weights."""
    kept = [
        conjunct.program
        for conjunct in goal.conjuncts
        if any(
            bool(part.subjects[entity] | part.attention[entity])
            for part in conjunct.program
            if isinstance(part, GroundedTerm)
        )
    ]
    if not kept:
        return None
    program = [part for each in kept for part in each]
    part = GoalEnergy(goal.model, [*program, Operator('and', len(kept))])
    return part.readings(0, generator, is_shared=False)
