"""What the controller is told: a grounded goal, and what is perceived now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from concept_control.errors import CommandError
from concept_control.world.entity import TOOL_ID

MOVE_TOLERANCE = 0.006
"""Distance to its target within which an entity is left alone [m], in goals and in control."""

MAX_ENERGY = 0.0625**2
"""Energy of a part of a goal above which it does not count as reached: that of an error as large
as the tolerance of the predicates, 0.0625 workspace units or 15 mm on the default table."""

Solver = Callable[[np.ndarray], np.ndarray | None]
"""From (N, 3) places now to (N, 3) places wanted, each x, y and the height of the lower face in
workspace units; None where it finds none."""


@dataclass(frozen=True)
class GroundedGoal:
    """One energy to minimise over N entities; lengths in workspace units.

    Attributes:
        evaluator: Composed energy, as a residual.
        entity_ids: (N,) ids in the order of all arrays below.
        before: (N, 2) positions when grounded.
        colors: (N, 3) RGB in [0, 1].
        sizes: (N,) side lengths.
        movable: Ids of the entities that may be moved.
        moved: Ids of the entities that the generated solution moves.
        targets: (N, 2) positions of the generated solution.
        target_bottoms: (N,) heights of the lower faces in the generated solution, 0 on the table,
            workspace units; empty: everything stands on the table.
        subjects: Ids whose places the concepts are about; what else is moved is only cleared away.
            Empty: all that may be moved.
        notes: Sentences for people on how the expression was understood.
        target_energy: Energy of the generated solution.
        initial_energy: Energy of the scene when grounded.
        goal_id: Number of the goal; counts up.
        expression: Expression as given, for people.
        conjuncts: Names of the parts that must all hold.
        weights: Weights of the terms as they count in the energy.
        solver: Callable that generates a new solution when the scene has changed; None: targets
            are refined locally instead.

    Raises:
        CommandError: if arrays contradict each other, an id is unknown or a number not finite.
    """

    evaluator: ResidualEvaluator
    entity_ids: tuple[int, ...]
    before: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray
    movable: tuple[int, ...]
    moved: tuple[int, ...]
    targets: np.ndarray
    target_energy: float
    initial_energy: float
    goal_id: int = 0
    expression: str = ''
    conjuncts: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    solver: Solver | None = None
    target_bottoms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    subjects: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.entity_ids)
        if not np.size(self.target_bottoms):
            object.__setattr__(self, 'target_bottoms', np.zeros(n))
        expected = {'before': (n, 2), 'colors': (n, 3), 'sizes': (n,), 'targets': (n, 2)}
        expected['target_bottoms'] = (n,)
        for name, shape in expected.items():
            values = np.asarray(getattr(self, name), dtype=float)
            if values.shape != shape:
                raise CommandError(f'goal: {name} has shape {values.shape}, expected {shape}')
            if not np.isfinite(values).all():
                raise CommandError(f'goal: {name} has values that are not finite: {values}')
            object.__setattr__(self, name, values)
        if (self.target_bottoms < 0).any():
            raise CommandError(
                f'goal: target_bottoms {self.target_bottoms.tolist()} lie below the table; '
                'a thing on it has 0'
            )
        if len(set(self.entity_ids)) != n:
            raise CommandError(f'goal: entity ids {self.entity_ids} are not unique')
        for name in ('movable', 'moved'):
            unknown = sorted(set(getattr(self, name)) - set(self.entity_ids))
            if unknown:
                raise CommandError(
                    f'goal: {name} names the entities {unknown}; it was grounded on '
                    f'{list(self.entity_ids)}'
                )
        if not set(self.moved) <= set(self.movable):
            raise CommandError(
                f'goal: moves {list(self.moved)}, but only {list(self.movable)} may be moved'
            )
        if TOOL_ID in self.moved and len(self.moved) > 1:
            raise CommandError('goal: the tool cannot be the subject together with blocks')
        if not np.isfinite([self.target_energy, self.initial_energy]).all():
            raise CommandError('goal: its energies are not finite')

    @property
    def follows_tool(self) -> bool:
        """Whether the tool itself is to be where the energy is least, even if it is by now."""
        return TOOL_ID in self.movable and set(self.moved) <= {TOOL_ID}

    def is_cleared(self, entity_id: int) -> bool:
        """Tell whether an entity is no subject: where it goes, its target alone says."""
        return bool(self.subjects) and entity_id not in self.subjects

    def index(self, entity_id: int) -> int:
        """Return the row of an entity in the goal's arrays."""
        return self.entity_ids.index(entity_id)

    def energy(self, positions: np.ndarray) -> np.ndarray:
        """Return (B,) energies of positions (B, N, 2 or 3), as `ResidualEvaluator` has them."""
        return (self.residual(positions) ** 2).sum(axis=-1)

    def residual(self, positions: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals at positions (B, N, 2 or 3), as `ResidualEvaluator` has them."""
        residual = self.evaluator.residual(self.before, positions, self.colors, self.sizes)
        return np.asarray(residual, dtype=float)

    def conjunct_residuals(self, positions: np.ndarray) -> list[np.ndarray]:
        """Return the residuals (B, K_c) of each conjunct, without weights, as `residual`."""
        return self.evaluator.conjunct_residuals(self.before, positions, self.colors, self.sizes)

    def conjunct_energies(self, positions: np.ndarray) -> np.ndarray:
        """Return the energies (B, C) of the conjuncts, without weights, as `energy`."""
        found = self.conjunct_residuals(positions)
        return np.stack([(r.astype(float) ** 2).sum(axis=-1) for r in found], axis=-1)


class ResidualEvaluator(Protocol):
    """Energy of a goal as a squared residual; the one of networks is a `FastGoalEvaluator`."""

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, K) residuals whose squared norms are the energies.

        Args:
            before: (N, 2) positions before the action, workspace units.
            positions: (B, N, 2) positions after it, workspace units, at the heights of the
                solution; or (B, N, 3), the last of each the height of the lower face.
            colors: (N, 3) RGB in [0, 1].
            sizes: (N,) side lengths, workspace units.
        """

    def conjunct_residuals(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> list[np.ndarray]:
        """Return the residuals (B, K_c) of each part that must hold, without its weights."""
