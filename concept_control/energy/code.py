"""Concept codes: the result of inference and the input of every other operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.errors import CodeError

_MARK = -1e30
"""First number of an array that holds an agreement; no code of a network has such a number."""


@dataclass(frozen=True)
class ConceptCode:
    """The code w = [w_action, w_argument] of one concept.

    A code of the agreement energy says so in bounds on measurements, where the network's has
    numbers that only the network can read. Either may be missing.

    Attributes:
        action: (W,) float32, half for the network that says what has to hold ("be between"); used
            to generate.
        argument: (W,) float32, half for the network that says of what ("the red ones"); used to
            identify.
        agreement: What the demonstrations agree on, both halves; None for the network alone.
        info: Report of the inference (method, losses); for people only.

    Raises:
        CodeError: if the halves differ in shape or hold a value that is not finite, or the code
            says nothing.
    """

    action: torch.Tensor = field(default_factory=partial(torch.zeros, 0))
    argument: torch.Tensor = field(default_factory=partial(torch.zeros, 0))
    agreement: AgreementCode | None = None
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
        if self.agreement is None and self.action.numel() == 0:
            raise CodeError('a code says nothing; expected halves for the network or an agreement')

    @property
    def size(self) -> int:
        """2W, the length of both halves for the network together; 0 without them."""
        return 2 * self.action.shape[0]

    @property
    def confidence(self) -> float:
        """Probability that what is done with the code holds in new scenes.

        Raises:
            CodeError: for a code of the network, which does not know.
        """
        if self.agreement is None:
            raise CodeError('the network does not know how sure its codes are')
        return self.agreement.confidence

    def to_array(self) -> np.ndarray:
        """Return the code as float32 numbers that `from_array` reads.

        Both halves for the network, action first; where there is an agreement, they follow a mark
        and 2W, and the agreement follows them.
        """
        halves = self.stacked().cpu().numpy()
        if self.agreement is None:
            return halves
        start = np.array([_MARK, self.size], dtype=np.float32)
        return np.concatenate([start, halves, self.agreement.to_numbers()])

    @classmethod
    def from_array(cls, array: np.ndarray) -> ConceptCode:
        """Return the code that `to_array` wrote.

        Raises:
            CodeError: if the array is none.
        """
        values = torch.as_tensor(np.asarray(array, dtype=np.float32))
        if values.ndim != 1 or values.shape[0] == 0:
            raise CodeError(
                f'a code array has shape {tuple(values.shape)}; expected a vector of numbers'
            )
        agreement = None
        if values[0] == np.float32(_MARK):
            size = float(values[1]) if len(values) > 1 else -1.0
            if not 0 <= size <= len(values) - 2 or size % 2:
                raise CodeError(f'a code array gives its network part {size} numbers')
            agreement = AgreementCode.from_numbers(values[2 + int(size) :].numpy())
            values = values[2 : 2 + int(size)]
        elif values.shape[0] % 2:
            raise CodeError(
                f'a code array has shape {tuple(values.shape)}; expected (2W,) with both halves'
            )
        half = values.shape[0] // 2
        return cls(values[:half].clone(), values[half:].clone(), agreement)

    def stacked(self) -> torch.Tensor:
        """Return both halves for the network as one (2W,) tensor, action first."""
        return torch.cat([self.action, self.argument])


class Terms(NamedTuple):
    """M codes bound to the N entities of a scene.

    Attributes:
        codes: Code of each term.
        subjects: (M, N) bool, entities that each term acts on.
        attention: (M, N) bool, entities that each term is about.
    """

    codes: Sequence[ConceptCode]
    subjects: torch.Tensor
    attention: torch.Tensor
