"""Fitting of a network to a loss that is drawn anew at each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from tqdm import tqdm


def fit(
    network: nn.Module,
    loss: Callable[[], torch.Tensor],
    steps: int,
    rate: float,
    title: str | None = None,
    largest_gradient: float | None = None,
    on_step: Callable[[int, Any], None] | None = None,
) -> float:
    """Minimise a loss with one cycle of Adam's learning rate.

    Args:
        network: Network that is fitted.
        loss: Draws a batch and returns its loss.
        steps: Number of steps.
        rate: Highest learning rate.
        title: Text before the progress bar.
        largest_gradient: Norm to which gradients are clipped; None for no clipping.
        on_step: Function of a step's number and the network, called after the step.

    Returns:
        Running mean of the loss at the end.
    """
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    recent = 0.0
    bar = tqdm(range(steps), desc=title, unit='step', leave=False, disable=None)
    for step in bar:
        value = loss()
        optimizer.zero_grad()
        value.backward()
        if largest_gradient is not None:
            nn.utils.clip_grad_norm_(network.parameters(), largest_gradient)
        optimizer.step()
        schedule.step()
        recent = 0.99 * recent + 0.01 * value.item()
        bar.set_postfix_str(f'loss {recent:.3f}', refresh=False)
        if on_step is not None:
            on_step(step + 1, network)
    return recent
