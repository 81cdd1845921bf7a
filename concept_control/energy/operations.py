"""Generation and identification by a network, for many scenes with a code each."""

from __future__ import annotations

import torch

from concept_control.energy.identification import lowest_masks
from concept_control.energy.network import ACTION, ARGUMENT, EnergyNetwork
from concept_control.energy.sampling import (
    SamplerConfig,
    descend,
    keep_lowest,
    scatter_starts,
    surroundings,
)
from concept_control.energy.scene import Scene

STATES_AT_ONCE = 128
"""States evaluated together: a chunk that fits the processor's cache is several times faster."""

_SCENES_AT_ONCE = 4


def lowest_outcomes(
    network: EnergyNetwork,
    scene: Scene,
    codes: torch.Tensor,
    config: SamplerConfig,
    generator: torch.Generator,
    start: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generate: descend the energy in the subjects' last positions.

    Args:
        network: the energy.
        scene: B scenes.
        codes: (B, 2W), or (1, 2W) for all.
        config: the sampler's schedule.
        generator: of starts and noise.
        start: (B, N, 2) where the first chain of each scene starts, `before` if None; the others
            start anywhere.

    Returns:
        Last positions (B, N, 2) and energies (B,).
    """
    width = network.config.code_width
    codes = codes.expand(scene.num_events, -1)[:, :width]
    scenes_at_once = max(1, STATES_AT_ONCE // config.chains)
    begin = scene.before if start is None else start
    positions, energies = [], []
    for first in range(0, scene.num_events, scenes_at_once):
        rows = slice(first, first + scenes_at_once)
        part = scene.select(rows)
        starts = scatter_starts(
            begin[rows], part.subjects, config.chains, generator, config.limit
        ).flatten(0, 1)
        many = part.repeat(config.chains)
        with torch.no_grad():
            conditioning = network.condition(codes[rows], ACTION).repeat(config.chains)

        def energy(place: torch.Tensor, many=many, conditioning=conditioning) -> torch.Tensor:
            moved = many._replace(after=place)
            residual = network(moved, moved.attention.unsqueeze(1), conditioning)
            return residual[:, 0].square().sum(dim=-1)

        found, values = descend(energy, starts, many.subjects, config, generator)
        scores = values
        if config.breadth > 0 and config.chains > 1:
            scores = values + surroundings(energy, found, many.subjects, config.breadth)
        ends = (value.unflatten(0, (-1, config.chains)) for value in (found, values, scores))
        best, lowest = keep_lowest(*ends)
        positions.append(best)
        energies.append(lowest)
    return torch.cat(positions), torch.cat(energies)


def lowest_attention(
    network: EnergyNetwork,
    scene: Scene,
    codes: torch.Tensor,
    generator: torch.Generator,
    keep: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Identify: find the attention masks of least energy.

    Args:
        network: the energy.
        scene: B scenes.
        codes: (B, 2W), or (1, 2W) for all.
        generator: of the search in large scenes.
        keep: how many masks to return.

    Returns:
        Masks (B, keep, N), best first, and their energies (B, keep).
    """
    width = network.config.code_width
    codes = codes.expand(scene.num_events, -1)[:, width:]
    masks, energies = [], []
    for first in range(0, scene.num_events, _SCENES_AT_ONCE):
        rows = slice(first, first + _SCENES_AT_ONCE)
        part = scene.select(rows)
        with torch.no_grad():
            conditioning = network.condition(codes[rows], ARGUMENT)

        def energy(candidates: torch.Tensor, part=part, conditioning=conditioning) -> torch.Tensor:
            return network(part, candidates, conditioning).square().sum(dim=-1)

        found, values = lowest_masks(energy, part.present, generator, keep)
        masks.append(found)
        energies.append(values)
    return torch.cat(masks), torch.cat(energies)
