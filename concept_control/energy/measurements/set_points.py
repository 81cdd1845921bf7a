"""The meant things as a set of points: middle, spread, axes, pairs, order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch

from concept_control.energy.measurements.geometry import every_pair
from concept_control.energy.measurements.scene_view import (
    SMALL,
    SceneView,
    length_of,
    mean_under,
    once,
)

FAR = 3.0
"""Distance of what is not there: longer than the table [workspace units]."""

_LEAN = 1e-4
"""Share of the other coordinate in an order: what is level is not ordered by its number."""


def column(of: Callable[[SceneView], torch.Tensor], index: int) -> Callable[..., torch.Tensor]:
    """Return the function of a view to one column of what `of` gives."""
    return partial(_column, of, index)


def _column(of: Callable[[SceneView], torch.Tensor], index: int, view: SceneView) -> torch.Tensor:
    return of(view)[:, index]


@once
def center(view: SceneView) -> torch.Tensor:
    """Return the middles (R, 2) of the sets."""
    return mean_under(view.scene.after, view.meant)


@once
def offsets(view: SceneView) -> torch.Tensor:
    """Return the vectors (R, N, 2) from the middle to what is meant; zero to all else."""
    return (view.scene.after - center(view).unsqueeze(1)) * view.meant.unsqueeze(-1)


@once
def number(view: SceneView) -> torch.Tensor:
    """Return how many (R,) are meant, a little more than zero at least."""
    return view.meant.sum(dim=-1).clamp(min=1e-3)


@once
def radius(view: SceneView) -> torch.Tensor:
    """Return the root mean square distances (R,) to the middle."""
    square = offsets(view).square().sum(dim=(1, 2)) / number(view)
    return (square + 1e-4).sqrt()


@once
def covariance(view: SceneView) -> torch.Tensor:
    """Return the covariances (R, 2, 2) of the places."""
    away = offsets(view)
    return away.transpose(1, 2) @ away / number(view)[:, None, None]


@once
def main_axis(view: SceneView) -> torch.Tensor:
    """Return unit vectors (R, 2) along the longest extent, of either sign."""
    spread = covariance(view)
    angle = torch.atan2(2 * spread[:, 0, 1], spread[:, 0, 0] - spread[:, 1, 1] + SMALL)
    return torch.stack([(angle / 2).cos(), (angle / 2).sin()], dim=-1)


@once
def along_axis(view: SceneView) -> torch.Tensor:
    """Return the coordinates (R, N) along the main axis."""
    return (offsets(view) * main_axis(view).unsqueeze(1)).sum(dim=-1)


class Pairs(NamedTuple):
    """All pairs of things of R scenes.

    Attributes:
        first: (P,) numbers of the first of each.
        second: (P,) numbers of the second of each.
        apart: (R, P) distances.
        gate: (R, P) 1 where both are meant.
    """

    first: torch.Tensor
    second: torch.Tensor
    apart: torch.Tensor
    gate: torch.Tensor


def pairs(view: SceneView) -> Pairs:
    """Return the pairs of things, their distances and whether both are meant."""
    places = view.scene.after
    i, j = every_pair(places)
    apart = view.once('pairs apart', lambda: length_of(places[:, i] - places[:, j]))
    return Pairs(i, j, apart, view.meant[:, i] * view.meant[:, j])


AROUND = 'around'
"""The order around the middle, which closes."""


def order_key(view: SceneView, order: str) -> torch.Tensor:
    """Return what (R, N) things are ordered by.

    Args:
        view: View of the scenes.
        order: `x` or `y`, `line` for the main axis from either end, `around`, `outward` from the
            middle, or away from the `robot`.
    """
    x, y = view.scene.after.unbind(dim=-1)
    if order == 'x':
        return x + _LEAN * y
    if order == 'y':
        return y + _LEAN * x
    if order == 'line':
        return along_axis(view)
    if order == 'outward':
        return length_of(offsets(view))
    if order == 'robot':
        return view.away('robot')
    away = offsets(view) + 1e-7
    return torch.atan2(away[..., 1], away[..., 0])


def in_order(view: SceneView, order: str) -> torch.Tensor:
    """Return the numbers (R, N) of things in an order, see `order_key`; the meant come first."""

    def compute() -> torch.Tensor:
        key = order_key(view, order).detach()
        return torch.where(view.meant > 0.5, key, torch.inf).argsort(dim=-1, stable=True)

    return view.once(f'in order {order}', compute)


class Steps(NamedTuple):
    """Steps from one of the meant to another in an order.

    Attributes:
        here: (R, N) numbers of the things that the steps start at.
        there: (R, N) numbers of those that they lead to.
        gate: (R, N) 1 for steps that there are, the first ones.
    """

    here: torch.Tensor
    there: torch.Tensor
    gate: torch.Tensor


def steps(view: SceneView, order: str, lag: int) -> Steps:
    """Return the steps over so many places of an order."""
    index = in_order(view, order)
    slot = torch.ones_like(view.meant).cumsum(dim=-1) - 1
    count = view.meant.sum(dim=-1, keepdim=True)
    ahead = slot + lag
    if order == AROUND:
        gate = (slot < count) & (count > lag + 1)
        ahead = ahead.remainder(count.clamp(min=1.0))
    else:
        gate = ahead < count
    ahead = ahead.clamp(max=slot.shape[-1] - 1).long()
    return Steps(index, index.gather(-1, ahead), gate.to(slot))
