"""Scenes whose bodies fill the table, arranged anew: what might have been shown as well.

A body that hardly fits anywhere is not where it is because somebody meant that. What it keeps to
whatever is meant (rows, gaps, sides of one another) shows only against other arrangements of the
same bodies.
"""

from __future__ import annotations

import torch

from concept_control.energy.agreement.elsewhere import SLACK
from concept_control.energy.scene_batch import SceneBatch, grounded

_SWEEPS = 40
_STEPS = (0.05, 0.2, 0.8)
"""Standard deviations of the steps that bodies make [workspace units]."""


def rearranged(scene: SceneBatch, count: int, generator: torch.Generator) -> SceneBatch:
    """Return B * count rows of B scenes, whose bodies change places and wander without collisions.

    Bodies exchange their roles, the whole is mirrored and turned by right angles, and each body
    wanders by Metropolis steps that keep it on the table and clear of the others (Metropolis et
    al., "Equation of state calculations by fast computing machines", 1953): all arrangements that
    are reached are equally likely.

    Args:
        scene: B scenes.
        count: Number of arrangements of each.
        generator: Random generator of the arrangements.
    """
    many = _mirrored(_exchanged(scene.repeat(count), generator), generator)
    places, half = many.after.clone(), many.sides / 2
    is_there, number = many.present > 0.5, places.shape[1]
    for sweep in range(_SWEEPS * number):
        moved = sweep % number
        step = _STEPS[int(torch.randint(len(_STEPS), (), generator=generator))]
        tried = places[:, moved] + step * torch.randn(len(places), 2, generator=generator)
        apart = (places - tried.unsqueeze(1)).abs() - half - half[:, moved, None]
        meets = (apart < -SLACK).all(dim=-1) & is_there
        meets[:, moved] = False
        fits = (tried.abs() + half[:, moved] <= 1 + SLACK).all(dim=-1) & ~meets.any(dim=-1)
        places[:, moved] = torch.where(fits.unsqueeze(-1), tried, places[:, moved])
    return grounded(many._replace(after=places), many.subjects, many.attention)


def _exchanged(scene: SceneBatch, generator: torch.Generator) -> SceneBatch:
    """Return the scenes with the bodies in a random order, roles staying where they are."""
    # Padding stays behind.
    key = torch.rand(scene.present.shape, generator=generator) + 2 * (scene.present < 0.5)
    order = key.argsort(dim=1)
    bodies = {
        name: _ordered(getattr(scene, name), order)
        for name in ('after', 'colors', 'sides', 'heights', 'rims')
    }
    return scene._replace(**bodies)


def _ordered(values: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    index = order.reshape(*order.shape, *[1] * (values.ndim - 2)).expand_as(values)
    return values.gather(1, index)


def _mirrored(scene: SceneBatch, generator: torch.Generator) -> SceneBatch:
    """Return the scenes in one of the eight ways in which a square looks the same."""
    rows = scene.num_events
    sign = torch.randint(2, (rows, 1, 2), generator=generator) * 2.0 - 1
    is_turned = torch.rand(rows, 1, 1, generator=generator) < 0.5
    after, before = (
        torch.where(is_turned, sign * places.flip(-1), sign * places)
        for places in (scene.after, scene.before)
    )
    sides = torch.where(is_turned, scene.sides.flip(-1), scene.sides)
    return scene._replace(after=after, before=before, sides=sides)
