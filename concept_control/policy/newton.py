"""The minimum of the energy that an action belongs to, and how sharp it is: damped Newton steps.

Plain gradient steps have to be small for the sharp direction of a minimum (the step's length) and
then take for ever in the flat one (its heading): what they return depends on how many they are.
"""

from __future__ import annotations

import torch

from concept_control.policy.langevin import EnergyOfActions

MIN_CURVATURE = 2.0
"""Curvatures below this, or negative, count as this: steps there go downhill and stay short."""

MAX_MOVE = 0.1
"""Longest step, in step lengths: a minimum must not be jumped over."""

ARRIVED = 1e-5
"""Moves shorter than this, in step lengths, change nothing."""


def newton_descent(energy: EnergyOfActions, actions: torch.Tensor, steps: int) -> torch.Tensor:
    """Move actions (B, M, n) downhill into the minima of their energies.

    Args:
        energy: Energy of the actions, smooth.
        actions: (B, M, n) starts.
        steps: Largest number of steps; a dozen is enough, and none are taken once all have
            arrived.
    """
    for _ in range(steps):
        slope, curvature = derivatives(energy, actions)
        values, axes = torch.linalg.eigh(curvature)
        along = (axes.transpose(-1, -2) @ slope.unsqueeze(-1)).squeeze(-1)
        along = along / values.abs().clamp_min(MIN_CURVATURE)
        move = (axes @ along.unsqueeze(-1)).squeeze(-1)
        length = move.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        move = move * (MAX_MOVE / length).clamp(max=1.0)
        actions = actions - move
        if move.abs().max() < ARRIVED:
            break
    return actions


def derivatives(
    energy: EnergyOfActions, actions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (B, M, n) gradients and (B, M, n, n) Hessians of the energies at actions."""
    with torch.enable_grad():
        actions = actions.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(energy(actions).sum(), actions, create_graph=True)
        rows = [
            torch.autograd.grad(slope[..., i].sum(), actions, retain_graph=True)[0]
            for i in range(actions.shape[-1])
        ]
    hessian = torch.stack(rows, dim=-2)
    return slope.detach(), (hessian + hessian.transpose(-1, -2)) / 2
