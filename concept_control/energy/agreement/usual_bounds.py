"""Bounds that are often meant just so: how near "near" is does not depend on who shows it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from concept_control.energy.agreement.evidence import INTERVAL, ONE_SIDED, Background

_SCALE, _MOST_SCALE = 0.15, 0.3
"""Excess at which plausibility has dropped to 2^-(M-1), in standard deviations of the background
and, at most, in widths: a step, but one that can be descended. What is measured in sizes deviates
by many widths of a lane."""

_MARGIN = 0.02
"""Excess that is none, in standard deviations of the background."""

_LEAST = 1e-4

_INSIDE = 0.02
"""Share of their width by which usual bounds are kept further in: as the corner of plausibility is
rounded, what is drawn towards a bound ends a hair beyond it."""


def step_scale(width: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Return the scales (B,) of usual bounds of a width, by the background's deviation."""
    return torch.minimum(_SCALE * deviation, _MOST_SCALE * width)


@dataclass(frozen=True)
class UsualBounds:
    """Bounds on U measurements, known before anything is shown.

    Attributes:
        index: (U,) measurement of each.
        lower: (U,) least value that is usual.
        upper: (U,) largest value that is usual.
        side: (U,) -1 where there is no lower bound, 1 where there is no upper one, 0 otherwise.
        odds: (U,) log odds that they are meant.
    """

    index: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    side: torch.Tensor
    odds: torch.Tensor

    @classmethod
    def none(cls) -> UsualBounds:
        """Return no bounds."""
        return cls(torch.zeros(0, dtype=torch.long), *torch.zeros(4, 0))

    @property
    def ends(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The bounds (U,), infinite where there is none."""
        lower = torch.where(self.side < 0, -torch.inf, self.lower)
        return lower, torch.where(self.side > 0, torch.inf, self.upper)

    @property
    def inner(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Bounds (U,), a hair within those that are usual: what an outcome is to keep to."""
        inside = _INSIDE * (self.upper - self.lower)
        return self.lower + inside, self.upper - inside

    @property
    def shares(self) -> torch.Tensor:
        """The kind of each as shares (4, U), see `log_evidence` of `evidence`."""
        shares = torch.zeros(4, len(self.side))
        shares[INTERVAL], shares[ONE_SIDED] = (self.side == 0).float(), (self.side != 0).float()
        return shares

    def log_evidence(self, values: torch.Tensor, background: Background) -> torch.Tensor:
        """Return the log evidence (U,) of values (M, K): -inf where one is outside.

        Each demonstration within bounds is 1 / mass likelier than by chance.
        """
        lower, upper = self.ends
        shown = values[:, self.index]
        blur = _MARGIN * background.deviation[self.index]
        holds = ((shown >= lower - blur) & (shown <= upper + blur)).all(dim=0)
        mass = background.mass(lower - blur, upper + blur, self.index).clamp(min=_LEAST)
        return torch.where(holds, -len(values) * mass.log(), -torch.inf)
