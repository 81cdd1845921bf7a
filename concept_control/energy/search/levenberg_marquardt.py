"""Levenberg-Marquardt: descent of many chains by damped least squares on the energy's residual.

The energy is a squared residual that vanishes where the concept holds; there Gauss-Newton steps
converge quadratically. All chains go at once, each with a damping of its own. Derivatives are
forward differences in the few coordinates that may move, one more row of the same batch for each,
so that no graph is kept. Sources: Marquardt, "An algorithm for least-squares estimation of
nonlinear parameters", SIAM J. Appl. Math. 1963; damping scaled by the diagonal after Moré 1978.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

ResidualFunction = Callable[[torch.Tensor], torch.Tensor]
"""Positions (S, C, N, 2) of C copies of each of S chains to their residuals (S, C, K)."""

FD_STEP = 1e-3
"""Step of the forward differences [workspace units]: large against single precision's noise."""


@dataclass(frozen=True)
class LeastSquaresConfig:
    """Settings of the descent.

    Attributes:
        iterations: Calls of the residual after the first.
        damping: Initial damping, relative to the diagonal of JᵀJ.
        raised: Factor on the damping after a refused step.
        lowered: Factor on the damping after an accepted step.
        largest: Limit of an entity's displacement in one step, workspace units.
        limit: Bound of the positions, clamped to [-limit, limit].
        enough: Energy of the best chain at which all stop.
    """

    iterations: int = 12
    damping: float = 0.01
    raised: float = 8.0
    lowered: float = 0.2
    largest: float = 0.3
    limit: float = 1.0
    enough: float = -1.0


FINISH = LeastSquaresConfig(iterations=8, damping=1.0)
"""Settings for chains near a minimum in many coordinates, where the residual has kinks."""

_LEAST_DAMPING, _MOST_DAMPING = 1e-6, 1e6
_RIDGE = 1e-8


def energies(residual: ResidualFunction, places: torch.Tensor) -> torch.Tensor:
    """Return the energies (S,) at positions (S, N, 2), differentiable in them."""
    return residual(places.unsqueeze(1))[:, 0].square().sum(dim=-1)


def levenberg_marquardt(
    residual: ResidualFunction,
    starts: torch.Tensor,
    movable: torch.Tensor,
    config: LeastSquaresConfig,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Descend from every start; no chain's energy ever rises.

    Args:
        residual: Residual of positions.
        starts: (S, N, 2) workspace units.
        movable: (S, N) 1 where an entity may move.
        config: Settings.

    Returns:
        Positions (S, N, 2) and energies (S,).
    """
    if not (movable > 0.5).any():
        with torch.no_grad():
            return starts.clone(), energies(residual, starts)
    # The movable entities first: each of their coordinates is a variable.
    most = int((movable > 0.5).sum(dim=-1).max())
    order = movable.argsort(dim=-1, descending=True, stable=True)[:, :most]
    free = movable.gather(1, order).repeat_interleave(2, dim=1)
    shift = _differences(starts, movable, order)

    def linearise(place: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        values = residual(place.unsqueeze(1) + shift)
        here = values[:, 0]
        jacobian = ((values[:, 1:] - here.unsqueeze(1)) / FD_STEP).transpose(1, 2)
        return here, jacobian, here.square().sum(dim=-1)

    with torch.no_grad():
        place = starts.clone()
        here, jacobian, value = linearise(place)
        damping = torch.full_like(value, config.damping)
        index = order.unsqueeze(-1).expand(-1, -1, 2)
        for _ in range(config.iterations):
            if config.enough >= 0 and float(value.amin()) <= config.enough:
                break
            step = _damped_step(here, jacobian, damping, free)
            move = step.unflatten(1, (most, 2))
            length = move.norm(dim=-1, keepdim=True).amax(dim=1, keepdim=True)
            move = move * (config.largest / (length + 1e-12)).clamp(max=1.0)
            there = place.scatter_add(1, index, move).clamp(-config.limit, config.limit)
            there = torch.where(movable[..., None] > 0.5, there, starts)
            new_here, new_jacobian, new_value = linearise(there)
            better = new_value < value
            place = torch.where(better[:, None, None], there, place)
            here = torch.where(better[:, None], new_here, here)
            jacobian = torch.where(better[:, None, None], new_jacobian, jacobian)
            value = torch.where(better, new_value, value)
            factor = torch.where(better, config.lowered, config.raised)
            damping = (damping * factor).clamp(_LEAST_DAMPING, _MOST_DAMPING)
    return place, value


def _differences(starts: torch.Tensor, movable: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Return shifts (S, 1 + V, N, 2): none, then `FD_STEP` in each of the V variables."""
    chains, count, _ = starts.shape
    most = order.shape[1]
    rows = torch.arange(chains, device=starts.device)
    shift = starts.new_zeros(chains, 1 + 2 * most, count, 2)
    for slot in range(most):
        for axis in range(2):
            shift[rows, 1 + 2 * slot + axis, order[:, slot], axis] = FD_STEP
    return shift * movable[:, None, :, None]


def _damped_step(
    here: torch.Tensor, jacobian: torch.Tensor, damping: torch.Tensor, free: torch.Tensor
) -> torch.Tensor:
    """Return the steps (S, V) from residuals (S, K), Jacobians (S, K, V) and dampings (S,)."""
    gradient = (jacobian.transpose(1, 2) @ here.unsqueeze(-1)).squeeze(-1)
    normal = jacobian.transpose(1, 2) @ jacobian
    diagonal = normal.diagonal(dim1=1, dim2=2)
    # Variables that the residual does not depend on, or that may not move, stay.
    scale = diagonal + 1e-2 * diagonal.amax(dim=1, keepdim=True) + _RIDGE
    damped = normal + torch.diag_embed(damping[:, None] * scale + _RIDGE + (1 - free))
    return -torch.linalg.solve(damped, gradient.unsqueeze(-1)).squeeze(-1) * free
