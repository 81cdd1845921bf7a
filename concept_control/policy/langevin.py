"""Langevin dynamics on an energy of actions: at a fixed temperature, or cooled to a minimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

EnergyOfActions = Callable[[torch.Tensor], torch.Tensor]
"""From (B, M, n) actions to their (B, M) energies, states and codes being given."""


@dataclass(frozen=True)
class ChainConfig:
    """How chains move.

    Attributes:
        steps: K.
        step_size: α of the thesis: a ← a − (α²/2)∇E + α ε.
        final_step_size: where given, step size and noise shrink to it and to nothing, so that
            chains end in minima; otherwise they go on as samples of exp(−E) for ever.
        max_move: longest move by the gradient in one step; None: no bound.
    """

    steps: int = 100
    step_size: float = 0.1
    final_step_size: float | None = None
    max_move: float | None = None


def gradient(energy: EnergyOfActions, actions: torch.Tensor) -> torch.Tensor:
    """Return (B, M, n) gradients of the energies at actions."""
    with torch.enable_grad():
        actions = actions.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(energy(actions).sum(), actions)
    return slope


def run_chains(
    energy: EnergyOfActions,
    actions: torch.Tensor,
    config: ChainConfig,
    generator: torch.Generator | None = None,
    watch: Callable[[int, torch.Tensor], None] | None = None,
) -> torch.Tensor:
    """Move actions (B, M, n) by Langevin dynamics and return where they end.

    Args:
        energy: of the actions.
        actions: where the chains start.
        config: how they move.
        generator: of the noise.
        watch: called with the number of steps done and the actions, before each and at the end.
    """
    for k in range(config.steps):
        if watch is not None:
            watch(k, actions)
        size, noise = _schedule(config, k)
        move = clipped(-0.5 * size**2 * gradient(energy, actions), config.max_move)
        actions = actions + move
        if noise > 0:
            actions = actions + noise * torch.randn(actions.shape, generator=generator)
    if watch is not None:
        watch(config.steps, actions)
    return actions


def clipped(move: torch.Tensor, longest: float | None) -> torch.Tensor:
    """Shorten moves (..., n) that are longer than allowed."""
    if longest is None:
        return move
    length = move.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return move * (longest / length).clamp(max=1.0)


def _schedule(config: ChainConfig, k: int) -> tuple[float, float]:
    """Return step size and noise of step k; cooled chains lose their noise halfway."""
    if config.final_step_size is None:
        return config.step_size, config.step_size
    left = 1.0 - k / max(config.steps - 1, 1)
    size = config.final_step_size + (config.step_size - config.final_step_size) * left**2
    return size, size * max(2 * left - 1, 0.0) ** 2
