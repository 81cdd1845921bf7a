"""Programs: grounded terms and operators that compose their residuals.

A program is a postfix sequence of terms and operators. Each part of it is an energy >= 0 that is
also the squared norm of a residual, so that control has a positive semi-definite Gauss-Newton
Hessian for every composition:

* and: the weighted energies add up; the weighted residuals are stacked.
* or: the soft minimum E = (sum_i E_i^-q)^(-1/q) = exp(-logsumexp(-q log E_i) / q). On logarithms
  no temperature is needed, and a zero of one branch is an exact zero of the whole.
* not: the squared hinge max(margin - sqrt(E), 0)², zero where the concept clearly does not hold.
  A weight stands outside of it: how far off a concept must be does not depend on its weight.

Weights say what to give up where not everything can be had, never what it means that a part holds:
that is asked of each conjunct by itself, without its weights (`split_conjuncts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat

import torch

from concept_control.energy.code import ConceptCode
from concept_control.errors import CommandError, EventError

OPERATORS = ('and', 'or', 'not')

OR_SHARPNESS = 2.0
"""Exponent q of the soft minimum: two branches of equal energy have 0.7 times that energy."""

NOT_MARGIN = 0.3
"""Value of sqrt(E) from which on "not" is fully satisfied [workspace units]."""

_FLOOR = 1e-10


@dataclass(frozen=True)
class Operator:
    """An operator of a program.

    Attributes:
        name: Kind, 'and', 'or' or 'not'.
        arity: Number of preceding energies that it joins; 1 for 'not'.

    Raises:
        CommandError: for an unknown name or an arity that does not fit.
    """

    name: str
    arity: int

    def __post_init__(self) -> None:
        if self.name not in OPERATORS:
            raise CommandError(f'unknown operator {self.name!r}; there are {", ".join(OPERATORS)}')
        if self.arity < 1 or (self.name == 'not' and self.arity != 1):
            raise CommandError(
                f'operator {self.name!r} with arity {self.arity}; expected '
                f'{"1" if self.name == "not" else "at least 1"}'
            )


@dataclass(frozen=True)
class GroundedTerm:
    """A concept bound to entities.

    Attributes:
        name: Name for messages.
        code: Code of the concept.
        subjects: (N,) bool, entities that it acts on.
        attention: (N,) bool, entities that it is about.
        weight: Factor on its energy, > 0.

    Raises:
        EventError: if the masks differ in shape.
        CommandError: if the weight is not a finite number > 0.
    """

    name: str
    code: ConceptCode
    subjects: torch.Tensor
    attention: torch.Tensor
    weight: float = 1.0

    def __post_init__(self) -> None:
        for mask in ('subjects', 'attention'):
            value = torch.as_tensor(getattr(self, mask)) > 0.5
            object.__setattr__(self, mask, value)
        if self.subjects.ndim != 1 or self.subjects.shape != self.attention.shape:
            raise EventError(
                f'{self.name} has masks of shape {tuple(self.subjects.shape)} and '
                f'{tuple(self.attention.shape)}; expected two masks (N,)'
            )
        if not 0 < self.weight < float('inf'):
            raise CommandError(
                f'{self.name} has weight {self.weight}; expected a finite number > 0'
            )


def run_program(
    program: Sequence[GroundedTerm | Operator], residuals: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the residual (B, K') of a program.

    Args:
        program: Program that `check_program` accepts.
        residuals: (B, K) residual of each term.
    """
    # Of each part the residual, the same without weights, which "not" asks, and its weight.
    stack: list[tuple[torch.Tensor, torch.Tensor, float]] = []
    following = iter(residuals)
    for part in program:
        if isinstance(part, GroundedTerm):
            plain = next(following)
            weight = part.weight
            stack.append((plain if weight == 1.0 else weight**0.5 * plain, plain, weight))
            continue
        wholes, plains, weights = zip(*stack[-part.arity :])
        del stack[-part.arity :]
        weight = max(weights)
        if part.name == 'not':
            plain = soft_not(plains[0])
            stack.append((weight**0.5 * plain, plain, weight))
            continue
        join = soft_or if part.name == 'or' else partial(torch.cat, dim=-1)
        whole = join(wholes)
        stack.append((whole, whole if set(weights) == {1.0} else join(plains), weight))
    return stack[0][0]


@dataclass(frozen=True)
class Conjunct:
    """One of the parts of a program that must all hold.

    Attributes:
        program: Postfix sequence of the part, with all weights 1.
        first: Number of terms of the whole program before it.
        weight: Largest weight of its terms.
    """

    program: tuple[GroundedTerm | Operator, ...]
    first: int
    weight: float

    @property
    def name(self) -> str:
        """Names of its concepts, for people."""
        return ', '.join(dict.fromkeys(t.name for t in terms_of(self.program)))

    def residual(self, residuals: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return its residual (B, K') for the residual (B, K) of each term of the whole."""
        last = self.first + len(terms_of(self.program))
        return run_program(self.program, residuals[self.first : last])


def terms_of(program: Sequence[GroundedTerm | Operator]) -> tuple[GroundedTerm, ...]:
    """Return the terms of a program in their order."""
    return tuple(part for part in program if isinstance(part, GroundedTerm))


def reweighted(
    program: Sequence[GroundedTerm | Operator], weights: Iterable[float]
) -> tuple[GroundedTerm | Operator, ...]:
    """Return a program whose terms have other weights, in their order."""
    following = iter(weights)
    return tuple(
        replace(part, weight=next(following)) if isinstance(part, GroundedTerm) else part
        for part in program
    )


def split_conjuncts(program: Sequence[GroundedTerm | Operator]) -> tuple[Conjunct, ...]:
    """Return the parts that must all hold; a program without "and" outside is one.

    Args:
        program: Program that `check_program` accepts.
    """
    # Of each part where it starts in the program, and the spans of its conjuncts.
    stack: list[tuple[int, list[slice]]] = []
    for end, part in enumerate(program, start=1):
        if isinstance(part, GroundedTerm):
            stack.append((end - 1, [slice(end - 1, end)]))
            continue
        joined = stack[-part.arity :]
        del stack[-part.arity :]
        start = joined[0][0]
        spans = [span for _, inner in joined for span in inner]
        stack.append((start, spans if part.name == 'and' else [slice(start, end)]))
    return tuple(
        Conjunct(
            program=reweighted(program[span], repeat(1.0)),
            first=len(terms_of(program[: span.start])),
            weight=max(term.weight for term in terms_of(program[span])),
        )
        for span in stack[0][1]
    )


def soft_or(residuals: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the residual (B, sum of K_i) of "or" for residuals (B, K_i)."""
    energies = torch.stack([r.square().sum(dim=-1) for r in residuals], dim=-1) + _FLOOR
    logits = -OR_SHARPNESS * energies.log()
    whole = torch.exp(-torch.logsumexp(logits, dim=-1, keepdim=True) / OR_SHARPNESS)
    share = (torch.softmax(logits, dim=-1) * whole / energies).sqrt()
    return torch.cat(
        [share[..., i : i + 1] * residual for i, residual in enumerate(residuals)], dim=-1
    )


def soft_not(residual: torch.Tensor) -> torch.Tensor:
    """Return the residual (B, 1) of "not" for a residual (B, K): the hinge below the margin."""
    norm = (residual.square().sum(dim=-1, keepdim=True) + _FLOOR).sqrt()
    return torch.relu(NOT_MARGIN - norm)


def check_program(program: Sequence[GroundedTerm | Operator]) -> None:
    """Check that a program leaves exactly one energy.

    Raises:
        CommandError: if it does not.
    """
    depth = 0
    for number, part in enumerate(program):
        if isinstance(part, GroundedTerm):
            depth += 1
            continue
        if part.arity > depth:
            raise CommandError(
                f'{part.name} at {number} joins {part.arity} energies, but {depth} stand before '
                'it; a program is in postfix order'
            )
        depth += 1 - part.arity
    if depth != 1:
        raise CommandError(
            f'the program leaves {depth} energies instead of one; join them by an operator'
        )
