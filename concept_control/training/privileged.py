"""Privileged codes: a learned embedding of a concept's true parameters.

Scaffolding for training only. The energy and a jointly trained encoder wait for each other: with
no meaning in the codes the energy cannot use them, and with no use of them the encoder learns
nothing. The particle world knows what each concept is, so the energy is first trained on codes
embedded from the true parameters and the encoder learns to predict those from demonstrations.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.encoder import normalise_code


class TokenEmbedding(nn.Module):
    """Embed a set of typed tokens with values into a code.

    Args:
        num_types: Number of token types over all families.
        num_values: Length of a token's value vector.
        code_width: Length W of each half of a code.
        width: Hidden width.
    """

    def __init__(self, num_types: int, num_values: int, code_width: int, width: int = 96) -> None:
        super().__init__()
        self.code_width = code_width
        self.num_types = num_types
        self.num_values = num_values
        self.kind = nn.Embedding(num_types, width)
        # One matrix of values per type: a family's parameters mean nothing to another family.
        self.values = nn.Parameter(torch.randn(num_types, num_values, width))
        self.mix = nn.Linear(width, width)
        self.linear = nn.Linear(width, 2 * code_width)
        self.deep = nn.Linear(width, 2 * code_width)

    def forward(self, types: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return codes (C, 2W).

        Args:
            types: (C, K) token types, negative where there is no token.
            values: (C, K, V) token values, about unit scale.
        """
        here = (types >= 0).to(values.dtype).unsqueeze(-1)
        index = types.clamp(min=0)
        token = self.kind(index) + torch.einsum('ckv,ckvh->ckh', values, self.values[index])
        total = (token * here).sum(dim=1)
        deep = (functional.silu(self.mix(token)) * here).sum(dim=1)
        return normalise_code(self.linear(total) + self.deep(deep), self.code_width)
