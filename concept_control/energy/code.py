"""Concept codes: the result of inference and the input of every other operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from concept_control.errors import CodeError


@dataclass(frozen=True)
class ConceptCode:
    """The code w = [w_action, w_argument] of one concept.

    Attributes:
        action: (W,) float32, half that says what has to hold ("be between"); used to generate.
        argument: (W,) float32, half that says of what ("the red ones"); used to identify.
        info: Report of the inference (method, losses); for people only.

    Raises:
        CodeError: if the halves differ in shape or hold a value that is not finite.
    """

    action: torch.Tensor
    argument: torch.Tensor
    info: dict[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for name in ('action', 'argument'):
            value = torch.as_tensor(getattr(self, name)).detach().to(torch.float32)
            object.__setattr__(self, name, value)
        if self.action.ndim != 1 or self.action.shape != self.argument.shape:
            raise CodeError(
                f'a code has halves of shape {tuple(self.action.shape)} and '
                f'{tuple(self.argument.shape)}; expected two vectors of one length'
            )
        if not (torch.isfinite(self.action).all() and torch.isfinite(self.argument).all()):
            raise CodeError('a code holds NaN or infinity; expected finite numbers')

    @property
    def size(self) -> int:
        """2W, the length of both halves together."""
        return 2 * self.action.shape[0]

    def to_array(self) -> np.ndarray:
        """Return both halves as one (2W,) float32 array, action first."""
        return torch.cat([self.action, self.argument]).cpu().numpy()

    @classmethod
    def from_array(cls, array: np.ndarray, info: dict[str, Any] | None = None) -> ConceptCode:
        """Return the code that `to_array` wrote.

        Args:
            array: (2W,) both halves, action first.
            info: Report of the inference.

        Raises:
            CodeError: if the array is not one vector of even length.
        """
        values = torch.as_tensor(np.asarray(array, dtype=np.float32))
        if values.ndim != 1 or values.shape[0] == 0 or values.shape[0] % 2:
            raise CodeError(
                f'a code array has shape {tuple(values.shape)}; expected (2W,) with both halves'
            )
        half = values.shape[0] // 2
        return cls(values[:half].clone(), values[half:].clone(), info or {})

    def stacked(self) -> torch.Tensor:
        """Return the code as one (2W,) tensor, action first."""
        return torch.cat([self.action, self.argument])
