"""Generation and identification for many scenes, each with a code of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from concept_control.energy.networks.energy_network import ACTION, ARGUMENT, EnergyNetwork
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.identification import lowest_masks
from concept_control.energy.search.langevin import (
    LangevinConfig,
    keep_lowest,
    langevin_descent,
    scatter_starts,
    surroundings,
)
from concept_control.energy.search.levenberg_marquardt import (
    FINISH,
    LeastSquaresConfig,
    energies,
    levenberg_marquardt,
)

STATES_AT_ONCE = 128
"""Number of states evaluated together: chunks that fit the cache are several times faster."""

_SCENES_AT_ONCE = 4
"""Number of scenes whose masks are evaluated together."""


def generate_outcomes(
    network: EnergyNetwork,
    scene: SceneBatch,
    codes: torch.Tensor,
    config: LangevinConfig,
    generator: torch.Generator,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Generate outcomes: descend the energy in the subjects' last positions.

    Args:
        network: Energy network.
        scene: B scenes.
        codes: (B, 2W), or (1, 2W) for all.
        config: Settings of the search.
        generator: Random generator of starts and noise.
        start: (B, N, 2) start of the first chain of each scene, `before` by default; the others
            start at random.

    Returns:
        Last positions (B, N, 2).
    """
    codes = codes.expand(scene.num_events, -1)[:, : network.config.code_width]
    scenes_at_once = max(1, STATES_AT_ONCE // config.chains)
    begin = scene.before if start is None else start
    positions = begin.clone()
    alone = ((scene.subjects * scene.present) > 0).sum(dim=-1) == 1
    if config.gradient_only:
        alone = torch.zeros_like(alone)
    for is_alone in (True, False):
        chosen = (alone == is_alone).nonzero()[:, 0]
        for rows in chosen.split(scenes_at_once) if len(chosen) else ():
            part = scene.select(rows)
            starts = scatter_starts(
                begin[rows], part.subjects, config.chains, generator, config.limit
            ).flatten(0, 1)
            energy = _ActionEnergy(network, part, codes[rows], config.chains)
            movable = energy.scene.subjects
            if is_alone:
                found, scores = levenberg_marquardt(
                    energy.residual, starts, movable, LeastSquaresConfig(limit=config.limit)
                )
            else:
                found, scores = langevin_descent(energy, starts, movable, config, generator)
            if config.breadth > 0 and config.chains > 1:
                scores = scores + surroundings(energy.residual, found, movable, config.breadth)
            found, scores = (each.unflatten(0, (-1, config.chains)) for each in (found, scores))
            if not is_alone and config.finished and not config.gradient_only:
                found, scores = _finish(network, part, codes[rows], found, scores, config)
            positions[rows] = keep_lowest(found, scores)
    return positions


def _finish(
    network: EnergyNetwork,
    scene: SceneBatch,
    codes: torch.Tensor,
    found: torch.Tensor,
    scores: torch.Tensor,
    config: LangevinConfig,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ends (B, F, N, 2) and energies (B, F) of the best chains after least squares."""
    number = min(config.finished, config.chains)
    best = scores.topk(number, dim=1, largest=False).indices
    starts = found[torch.arange(len(best), device=best.device)[:, None], best].flatten(0, 1)
    energy = _ActionEnergy(network, scene, codes, number)
    movable = energy.scene.subjects
    ends, values = levenberg_marquardt(
        energy.residual, starts, movable, replace(FINISH, limit=config.limit)
    )
    return ends.unflatten(0, (-1, number)), values.unflatten(0, (-1, number))


class _ActionEnergy:
    """Energy of positions of S chains in B scenes under the action halves (B, W) of codes."""

    def __init__(
        self, network: EnergyNetwork, scene: SceneBatch, codes: torch.Tensor, chains: int
    ) -> None:
        self.scene = many = scene.repeat(chains)
        self._network = network
        with torch.no_grad():
            conditioning = network.condition(codes, ACTION).repeat(chains)
        self._copies = cache(lambda number: (many.repeat(number), conditioning.repeat(number)))

    def __call__(self, place: torch.Tensor) -> torch.Tensor:
        return energies(self.residual, place)

    def residual(self, places: torch.Tensor) -> torch.Tensor:
        scene, conditioning = self._copies(places.shape[1])
        moved = scene._replace(after=places.flatten(0, 1))
        found = self._network(moved, moved.attention.unsqueeze(1), conditioning)[:, 0]
        return found.unflatten(0, places.shape[:2])


def lowest_attention(
    network: EnergyNetwork,
    scene: SceneBatch,
    codes: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Identify: return the attention masks (B, N) of least energy.

    Args:
        network: Energy network.
        scene: B scenes.
        codes: (B, 2W), or (1, 2W) for all.
        generator: Random generator of the search in large scenes.
    """
    width = network.config.code_width
    codes = codes.expand(scene.num_events, -1)[:, width:]
    masks = []
    for part, halves in zip(scene.split(_SCENES_AT_ONCE), codes.split(_SCENES_AT_ONCE)):
        with torch.no_grad():
            conditioning = network.condition(halves, ARGUMENT)

        def energy(candidates: torch.Tensor, part=part, conditioning=conditioning) -> torch.Tensor:
            return network(part, candidates, conditioning).square().sum(dim=-1)

        masks.append(lowest_masks(energy, part.present, generator)[0])
    return torch.cat(masks)
