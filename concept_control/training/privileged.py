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

from concept_control.concepts.family import TOKEN_VALUES
from concept_control.energy.networks.encoder import normalise_code

_WIDTH = 96
"""Width of the hidden layer."""


class TokenEmbedding(nn.Module):
    """Embed a set of typed tokens with values into a code.

    Args:
        num_types: Number of token types over all families.
        code_width: Length W of each half of a code.
    """

    def __init__(self, num_types: int, code_width: int) -> None:
        super().__init__()
        self.code_width = code_width
        self.kind = nn.Embedding(num_types, _WIDTH)
        # One matrix of values per type: a family's parameters mean nothing to another family.
        self.values = nn.Parameter(torch.randn(num_types, TOKEN_VALUES, _WIDTH))
        self.mix = nn.Linear(_WIDTH, _WIDTH)
        self.linear = nn.Linear(_WIDTH, 2 * code_width)
        self.deep = nn.Linear(_WIDTH, 2 * code_width)

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
