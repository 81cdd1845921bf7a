"""Composition: several grounded concepts as one energy, and as one residual for control.

A program is a postfix sequence of terms and operators. Every node of it is an energy >= 0 that
is also the squared norm of a residual, so that control keeps a positive semi-definite
Gauss-Newton Hessian whatever is composed:

* and: the weighted energies add up; the weighted residuals are stacked.
* or: minus logsumexp of the negative *logarithms* of the energies,
  E = (sum_i E_i^-q)^(-1/q). Working on logarithms makes it free of a temperature, and a zero of
  one branch stays an exact zero of the whole.
* not: the bounded hinge (margin - sqrt(E))² of what lies below the margin, zero beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.evaluator import TermEvaluator, to_tensor
from concept_control.energy.network import ACTION
from concept_control.energy.operations import STATES_AT_ONCE
from concept_control.energy.scene import Scene, scene_of
from concept_control.energy.solving import Solution, sample_goal, solve_goal
from concept_control.errors import CodeError, CommandError, EventError
from concept_control.events import Events

if TYPE_CHECKING:
    from concept_control.energy.model import ConceptModel

OPERATORS = ('and', 'or', 'not')

OR_SHARPNESS = 2.0
"""q of the soft minimum: two branches of equal energy count 0.7 of one."""

NOT_MARGIN = 0.3
"""sqrt(E), in workspace units, from which on a concept counts as not holding at all."""

_FLOOR = 1e-10

__all__ = [
    'GoalEnergy',
    'GroundedTerm',
    'Operator',
    'ResidualEvaluator',
    'Solution',
    'either',
    'negation',
    'run_program',
]


@dataclass(frozen=True)
class Operator:
    """An operator of a program.

    Attributes:
        name: 'and', 'or' or 'not'.
        arity: how many of the preceding energies it joins; 1 for 'not'.

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
        name: for people.
        code: the concept.
        subjects: (N,) bool, the entities it acts on.
        attention: (N,) bool, the entities it is about.
        weight: factor on its energy, > 0.
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


class GoalEnergy:
    """The energy of a program of grounded terms over one scene's entities.

    Args:
        model: whose codes the terms have.
        program: postfix sequence of terms and operators.

    Raises:
        CommandError: if the program does not leave exactly one energy, or masks differ in length.
        CodeError: if a code is of another size.
    """

    def __init__(self, model: ConceptModel, program: Sequence[GroundedTerm | Operator]) -> None:
        self.model = model
        self.program = tuple(program)
        self.terms = tuple(part for part in self.program if isinstance(part, GroundedTerm))
        _check_program(self.program)
        for term in self.terms:
            if term.code.size != model.code_size:
                raise CodeError(
                    f'the code of {term.name} has {term.code.size} numbers, the model expects '
                    f'{model.code_size}'
                )
            if len(term.subjects) != self.num_entities:
                raise CommandError(
                    f'{term.name} is bound to {len(term.subjects)} entities, '
                    f'{self.terms[0].name} to {self.num_entities}'
                )
        self.subjects = torch.stack([term.subjects for term in self.terms]).any(dim=0)
        network = model.network
        codes = torch.stack([term.code.action for term in self.terms])
        with torch.no_grad():
            self._conditioning = network.condition(codes.to(next(network.parameters())), ACTION)

    @property
    def num_entities(self) -> int:
        """N, the entities the terms' masks are over."""
        return len(self.terms[0].subjects)

    def value(self, events: Events) -> torch.Tensor:
        """Return the composed energies (B,) of the events' last states.

        Raises:
            EventError: if the events have another number of entities than the terms.
        """
        self._check_entities(events.num_entities)
        return self.scene_value(scene_of(events).to(self.model.device))

    def scene_value(self, scene: Scene) -> torch.Tensor:
        """Return the composed energies (B,) of scenes, differentiable in the positions."""
        return self.scene_residual(scene).square().sum(dim=-1)

    def scene_residual(self, scene: Scene) -> torch.Tensor:
        """Return the composed residuals (B, K) of scenes, differentiable in the positions."""
        parts = []
        scenes_at_once = max(1, STATES_AT_ONCE // len(self.terms))
        for first in range(0, scene.num_events, scenes_at_once):
            part = scene.select(slice(first, first + scenes_at_once))
            parts.append(run_program(self.program, self._residuals(part)))
        return torch.cat(parts)

    def residual_evaluator(self) -> ResidualEvaluator:
        """Return the composed residual as control needs it: numpy in, numpy out, fast."""
        return ResidualEvaluator(self)

    def solve(
        self,
        events: Events,
        movable: torch.Tensor | np.ndarray,
        seed: int = 0,
        chains: int = 24,
        steps: int = 24,
        tolerance: float = 0.01,
    ) -> Solution:
        """Find where the movable entities should stand; see `energy.solving`.

        Args:
            events: one scene, B = 1; its last state is the start and its first what was before.
            movable: (N,) bool, the entities that may be moved.
            seed: of starts and noise.
            chains: number of starts.
            steps: steps of each.
            tolerance: composed energy at or below which the solution counts as converged.

        Raises:
            EventError: if there is not exactly one scene, of the terms' entities, with something
                to move.
        """
        self._check_entities(events.num_entities)
        return solve_goal(self, events, movable, seed, chains, steps, tolerance)

    def sample(
        self,
        events: Events,
        movable: torch.Tensor | np.ndarray,
        seed: int = 0,
        samples: int = 10,
        chains: int = 8,
        steps: int = 24,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw independent arrangements of low energy, wherever the entities were before.

        Args:
            events: one scene, B = 1; its last state says where what may not move stands.
            movable: (N,) bool, the entities that may be moved.
            seed: of starts and noise.
            samples: S, how many.
            chains: starts for each of them; the lowest energy is kept.
            steps: steps of each.

        Returns:
            Positions (S, N, 2) in workspace units and energies (S,), those of overlap and of
            leaving the workspace included.

        Raises:
            EventError: if there is not exactly one scene, of the terms' entities.
        """
        self._check_entities(events.num_entities)
        return sample_goal(self, events, movable, seed, samples, chains, steps)

    def _residuals(self, scene: Scene) -> Sequence[torch.Tensor]:
        """Return each term's residuals (B, K), all from one pass of the network."""
        number, batch = len(self.terms), scene.num_events
        subjects, attention = (
            torch.stack([getattr(term, mask) for term in self.terms])
            .to(scene.after)
            .repeat_interleave(batch, dim=0)
            for mask in ('subjects', 'attention')
        )
        each = Scene(*(torch.cat([value] * number) for value in scene))
        # To a term, whatever is not its subject simply stands where it is, though somebody or
        # another term has moved it.
        gate = subjects.unsqueeze(-1)
        grounded = each._replace(
            before=each.before * gate + each.after * (1 - gate),
            subjects=subjects,
            attention=attention,
        )
        conditioning = self._conditioning.repeat(batch)
        residuals = self.model.network(grounded, attention.unsqueeze(1), conditioning)[:, 0]
        return residuals.unflatten(0, (number, batch)).unbind(0)

    def _check_entities(self, number: int) -> None:
        if number != self.num_entities:
            raise EventError(
                f'the scene has {number} entities, the goal is bound to {self.num_entities}'
            )


class ResidualEvaluator:
    """The composed residual of one goal, numpy in and numpy out, on one thread.

    Args:
        goal: whose energy it is; ||residual||² is `goal.value`.
    """

    def __init__(self, goal: GoalEnergy) -> None:
        self._goal = goal
        network = goal.model.network
        self._reference = next(network.parameters())
        self._terms = [
            TermEvaluator(network, term.code.action, term.subjects, term.attention)
            for term in goal.terms
        ]

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, K) residuals whose squared norms are the composed energies.

        Args:
            before: (N, 2) positions before the action, workspace units.
            positions: (B, N, 2) positions after it, workspace units.
            colors: (N, 3) RGB in [0, 1].
            sizes: (N,) side lengths, workspace units.

        Raises:
            EventError: if N is not that of the goal.
        """
        self._goal._check_entities(np.shape(positions)[1])
        positions = np.asarray(positions)
        first = positions[0]
        moving = (positions != first).any(axis=(0, 2))
        key = tuple(
            np.asarray(part).tobytes() for part in (moving, first[~moving], before, colors, sizes)
        )
        place, start, looks, lengths = (
            to_tensor(value, self._reference) for value in (positions, before, colors, sizes)
        )
        residuals = [
            term.residual(start, place, looks, lengths, moving, key) for term in self._terms
        ]
        with torch.inference_mode():
            return run_program(self._goal.program, residuals).cpu().numpy()


def run_program(
    program: Sequence[GroundedTerm | Operator], residuals: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Compose the terms' residuals (B, K) to the residual (B, K') of the whole."""
    stack: list[torch.Tensor] = []
    following = iter(residuals)
    for part in program:
        if isinstance(part, GroundedTerm):
            stack.append(part.weight**0.5 * next(following))
            continue
        joined = stack[-part.arity :]
        del stack[-part.arity :]
        if part.name == 'and':
            stack.append(torch.cat(joined, dim=-1))
        elif part.name == 'or':
            stack.append(either(joined))
        else:
            stack.append(negation(joined[0]))
    return stack[0]


def either(residuals: Sequence[torch.Tensor]) -> torch.Tensor:
    """Join residuals (B, K_i) to one whose square is the soft minimum of their squares."""
    energies = torch.stack([r.square().sum(dim=-1) for r in residuals], dim=-1) + _FLOOR
    logits = -OR_SHARPNESS * energies.log()
    whole = torch.exp(-torch.logsumexp(logits, dim=-1, keepdim=True) / OR_SHARPNESS)
    share = (torch.softmax(logits, dim=-1) * whole / energies).sqrt()
    return torch.cat(
        [share[..., i : i + 1] * residual for i, residual in enumerate(residuals)], dim=-1
    )


def negation(residual: torch.Tensor) -> torch.Tensor:
    """Return the residual (B, 1) of "not": how much sqrt(E) lacks to the margin."""
    norm = (residual.square().sum(dim=-1, keepdim=True) + _FLOOR).sqrt()
    return torch.relu(NOT_MARGIN - norm)


def _check_program(program: Sequence[GroundedTerm | Operator]) -> None:
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
