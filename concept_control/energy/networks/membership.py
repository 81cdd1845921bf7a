"""Membership: the part of the argument energy that is a sum over entities.

Whether a thing is red, or closer to the marker than half a metre, does not depend on which others
are attended. For such concepts the least energy over masks is a decision for each entity,

    E(a) = sum_i a_i u_i² + (1 - a_i) v_i²,

with u_i and v_i functions of the entity, its relations to the subjects and to all others, and
attributes that the code determines. The pooled statistics see the mask as a whole.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.attributes import (
    NUM_COMPARISONS,
    NUM_PLAIN,
    compare,
    plain_features,
)
from concept_control.energy.networks.pooling import smooth_max_terms
from concept_control.energy.networks.readouts import Decision
from concept_control.energy.scene_batch import SceneBatch

_ROOT_FLOOR = 1e-8


class Membership(nn.Module):
    """Scores of single entities under a code.

    Args:
        code_width: Length of the conditioning vector.
        hidden: H, width of the pooling's layers.
        channels: C, number of its smooth-max channels.
        width: M, width of the hidden layer.
        pairwise: Whether relations to other entities are inputs.
        attributes: R, number of attributes that the code reads out.
        decides: Whether there is a `Decision` on the attributes beside the hidden layer.
    """

    def __init__(
        self,
        code_width: int,
        hidden: int,
        channels: int,
        width: int,
        pairwise: bool,
        attributes: int = 0,
        decides: bool = False,
    ) -> None:
        super().__init__()
        self.width, self.attributes = width, attributes
        self.decision = Decision(code_width, attributes) if decides else None
        self.num_linear = 2 * width + attributes * (NUM_PLAIN + 1)
        self.film = nn.Linear(code_width, self.num_linear)
        self.pairwise = pairwise
        inputs = hidden + 1 + (2 * hidden + channels if pairwise else 0)
        compared = NUM_COMPARISONS * attributes
        self.first = nn.Linear(inputs + compared, width)
        self.last = nn.Linear(width, 2)
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            # Zero at first, so that comparisons can be added to a model trained without.
            self.first.weight[:, inputs:] = 0.0

    def condition(self, code: torch.Tensor) -> torch.Tensor:
        """Return the parameters for codes (B, code_width), one row for each."""
        if self.decision is None:
            return self.film(code)
        return torch.cat([self.film(code), self.decision.condition(code)], dim=-1)

    def forward(
        self,
        scene: SceneBatch,
        single: torch.Tensor,
        pairs: torch.Tensor | None,
        channels: nn.Module,
        film: torch.Tensor,
    ) -> torch.Tensor:
        """Return one or two pairs u and v of each entity (B, N, 2 or 4).

        Args:
            scene: B events.
            single: (B, N, H) layer of single entities.
            pairs: (B, N, N, H) layer of pairs, from the first to the second index.
            channels: Layer of the pooling's smooth-max channels of pairs.
            film: Result of `condition`.
        """
        subjects = scene.subjects * scene.present
        parts = [single, subjects.unsqueeze(-1)]
        if pairs is not None:
            count = single.shape[1]
            apart = 1 - torch.eye(count, dtype=single.dtype, device=single.device)
            to_subjects = (subjects.unsqueeze(1) * apart).unsqueeze(2)
            to_all = (scene.present.unsqueeze(1) * apart).unsqueeze(2)
            marker = torch.matmul(to_subjects, pairs)[:, :, 0]
            mean = torch.matmul(to_all, pairs)[:, :, 0]
            largest = torch.matmul(to_all, smooth_max_terms(channels(pairs)))[:, :, 0]
            parts += [
                marker / (to_subjects.sum(dim=-1) + 0.05),
                mean / (to_all.sum(dim=-1) + 0.05),
                (largest + 1e-3).log() / 4,
            ]
        compared = None
        if self.attributes:
            numbers = film[:, 2 * self.width : self.num_linear]
            readout = numbers.unflatten(-1, (self.attributes, NUM_PLAIN + 1))
            values = torch.matmul(plain_features(scene), readout[..., :-1].transpose(1, 2))
            compared = compare(values + readout[..., -1].unsqueeze(1), scene)
            parts.append(compared)
        scale, shift = film[:, : 2 * self.width].unsqueeze(1).chunk(2, dim=-1)
        value = self.first(torch.cat(parts, dim=-1)) * (1 + scale) + shift
        scores = self.last(functional.silu(value))
        if self.decision is None or compared is None:
            return scores
        decided, kept = self.decision(compared, scene.colors, film[:, self.num_linear :])
        return torch.cat([kept * scores, decided], dim=-1)


def membership_residual(
    scores: torch.Tensor, attention: torch.Tensor, present: torch.Tensor
) -> torch.Tensor:
    """Return the root (B, G, 1) of the summed energies of masks.

    Args:
        scores: (B, N, 2 or 4) result of `Membership`; the squares of two pairs add up.
        attention: (B, G, N) in [0, 1].
        present: (B, N) 1 for an entity, 0 for padding.
    """
    here = present.unsqueeze(-1)
    squares = scores.square().unflatten(-1, (-1, 2)).sum(dim=-2)
    inside, outside = (squares * here).unbind(dim=-1)
    total = torch.matmul(attention, (inside - outside).unsqueeze(-1))
    total = total + outside.sum(dim=-1)[:, None, None]
    # Rounding may leave a sum of squares a little below zero.
    return (total.clamp(min=0.0) + _ROOT_FLOOR).sqrt()
