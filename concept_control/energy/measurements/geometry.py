"""Geometry that several kinds of measurements share: pairs, ways, bearings, the least of some."""

from __future__ import annotations

import torch


def every_pair(places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers (P,) of the first and of the second of all pairs of places (R, N, 2)."""
    count = places.shape[1]
    # `triu_indices` would be a constant of a recording.
    first, second = torch.ones(count, count, device=places.device).triu(1).nonzero().unbind(dim=1)
    return first, second


def off_way(offsets: torch.Tensor, ways: torch.Tensor) -> torch.Tensor:
    """Return the vectors (..., 2) to points from the nearest points of straight ways.

    Args:
        offsets: (..., 2) from the beginnings of the ways to the points.
        ways: (..., 2) from the beginnings to the ends.
    """
    share = (offsets * ways).sum(dim=-1) / ways.square().sum(dim=-1).clamp(min=1e-9)
    return offsets - share.clamp(0.0, 1.0).unsqueeze(-1) * ways


def least(values: torch.Tensor, gate: torch.Tensor, otherwise: float = 0.0) -> torch.Tensor:
    """Return the least (...) of values (..., M) under a gate; something else without any."""
    found = torch.where(gate > 0.5, values, torch.inf).amin(dim=-1)
    return torch.where(found.isinf(), otherwise, found)


def most(values: torch.Tensor, gate: torch.Tensor, otherwise: float = 0.0) -> torch.Tensor:
    """Return the largest (...) of values (..., M) under a gate; something else without any."""
    return -least(-values, gate, -otherwise)


def bearing_gaps(vectors: torch.Tensor, gate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `angle_gaps` of the directions of vectors (..., N, 2), with a gradient at zero."""
    away = vectors + 1e-7
    return angle_gaps(torch.atan2(away[..., 1], away[..., 0]), gate)


def angle_gaps(angles: torch.Tensor, gate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the turns (..., N) from one thing to the next, all round, and 1 for each.

    Where there is nothing, they are full turns.

    Args:
        angles: (..., N) directions in which things are [rad].
        gate: (..., N) 1 for what is there.
    """
    angle = torch.where(gate > 0.5, angles, torch.inf).sort(dim=-1).values
    first = angle[..., :1]
    # What is not there stands at the end, where it closes the circle.
    closed = torch.where(angle.isinf(), first + 2 * torch.pi, angle)
    gaps = torch.cat([closed, first + 2 * torch.pi], dim=-1).diff(dim=-1)
    return gaps.nan_to_num(2 * torch.pi), (~angle.isinf()).to(gaps)
