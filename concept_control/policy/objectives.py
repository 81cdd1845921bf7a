"""Losses that make the energy low at demonstrated steps and high elsewhere."""

from __future__ import annotations

import torch

from concept_control.policy.network import PolicyEnergy
from concept_control.policy.proposals import RingProposal


def contrastive(
    positive: torch.Tensor, negative: torch.Tensor, l1: float, l2: float
) -> torch.Tensor:
    """Return the loss of the thesis: lower what was drawn, raise what the chains found.

    Args:
        positive: (B, 1) energies of demonstrated steps.
        negative: (B, M) energies of the chains' ends.
        l1: Weight of the energies' absolute level.
        l2: Weight of its square.
    """
    level = torch.cat([positive, negative], dim=1)
    return positive.mean() - negative.mean() + l1 * level.abs().mean() + l2 * level.square().mean()


def ranking(
    network: PolicyEnergy,
    states: torch.Tensor,
    actions: torch.Tensor,
    negatives: torch.Tensor,
    proposal: RingProposal,
    codes: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the ranking noise-contrastive loss with proposal-corrected logits −E − log q.

    Singh, Tu, Sindhwani, "Revisiting Energy Based Models as Policies" (arXiv 2309.05803): without
    the correction, what is learned is the density relative to the proposal.

    Args:
        network: Energy that is trained.
        states: (B, 2) states.
        actions: (B, 1, n) demonstrated steps.
        negatives: (B, M, n) steps from the proposal.
        proposal: Distribution of the negatives.
        codes: (B, c) codes of the figures, if the network is coded.
    """
    candidates = torch.cat([actions, negatives], dim=1)
    logits = -network(states, candidates, codes) - proposal.log_density(candidates)
    return torch.logsumexp(logits, dim=1).sub(logits[:, 0]).mean()
