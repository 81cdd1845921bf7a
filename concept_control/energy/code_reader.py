"""What a code turns into where it acts through a hidden layer and linearly at once."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_HIDDEN = 64
_SMALL = 0.2
_FADE = 4.0


class CodeReader(nn.Module):
    """A part of the energy whose numbers a code gives, beside a part that is learned.

    It begins weak, so that a model that was trained without can be given it.

    Args:
        code_width: length of the conditioning vector.
        num_numbers: how many numbers a code turns into.
    """

    def __init__(self, code_width: int, num_numbers: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(code_width, _HIDDEN)
        self.film = nn.Linear(code_width + _HIDDEN, num_numbers)
        with torch.no_grad():
            self.film.weight.mul_(_SMALL)
            self.film.bias.zero_()

    def condition(self, code: torch.Tensor) -> torch.Tensor:
        """Return what codes (B, code_width) turn into: (B, num_numbers)."""
        return self.film(torch.cat([code, functional.silu(self.hidden(code))], dim=-1))


def kept_share(number: torch.Tensor) -> torch.Tensor:
    """Return how much of the learned part still counts, nearly all of it where a code says 0."""
    return torch.sigmoid(number + _FADE)
