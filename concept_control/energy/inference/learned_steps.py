"""Learned step sizes for the descent in the code.

A few steps of gradient descent on the demonstration loss (equation 7 of arXiv 1811.02486), each
component of the code with a step size of its own in each step (Li et al., Meta-SGD, 2017), found
by training through the unrolled descent. The gradient is scaled to unit size first, softly, so
that concepts whose loss is steep and concepts whose loss is flat take comparable steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from concept_control.energy.networks.encoder import normalise_code

_FIRST_RATE = -4.0
_FIRST_SOFTNESS = -1.0

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Halves of codes (C, W) and candidates to losses (C,)."""

CandidateSampler = Callable[[], torch.Tensor]
"""Draws the candidates of one step."""


class InferenceSteps(nn.Module):
    """Step sizes of both halves of a code.

    Args:
        code_width: W.
        count: Number of steps.
    """

    HALVES = ('action', 'argument')

    def __init__(self, code_width: int, count: int = 3) -> None:
        super().__init__()
        shape = (len(self.HALVES), count, code_width)
        self.log_rates = nn.Parameter(torch.full(shape, _FIRST_RATE))
        self.log_softness = nn.Parameter(torch.full(shape[:2], _FIRST_SOFTNESS))

    @property
    def count(self) -> int:
        """Number of steps."""
        return self.log_rates.shape[1]

    def descend(
        self,
        half: str,
        loss_fn: LossFunction,
        sample_candidates: CandidateSampler,
        start: torch.Tensor,
        unrolled: bool = False,
    ) -> torch.Tensor:
        """Return the halves (C, W) that a few steps lead to.

        Args:
            half: 'action' or 'argument'.
            loss_fn: Demonstration loss.
            sample_candidates: Sampler of the candidates of a step.
            start: (C, W) halves to start from.
            unrolled: Whether the result is differentiable in the step sizes and in `start`,
                through the gradients of the steps too.
        """
        index = self.HALVES.index(half)
        rates, softness = self.log_rates[index].exp(), self.log_softness[index].exp()
        if not unrolled:
            rates, softness = rates.detach(), softness.detach()
        codes = start
        for rate, soft in zip(rates, softness):
            codes = codes if unrolled else codes.detach()
            if not codes.requires_grad:
                codes = codes.clone().requires_grad_(True)
            with torch.enable_grad():
                value = loss_fn(codes, sample_candidates()).sum()
                (slope,) = torch.autograd.grad(value, codes, create_graph=unrolled)
            size = (slope.square().mean(dim=-1, keepdim=True) + 1e-12).sqrt()
            codes = normalise_code(codes - rate * slope / (size + soft), codes.shape[1])
        return codes if unrolled else codes.detach()
