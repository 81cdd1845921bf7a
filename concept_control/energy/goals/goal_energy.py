"""The energy of a goal: a program of grounded concepts, differentiable in the positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from concept_control.energy.code import Terms
from concept_control.energy.goals.program import (
    GroundedTerm,
    Operator,
    check_program,
    run_program,
    split_conjuncts,
    terms_of,
)
from concept_control.energy.scene_batch import (
    BoundResiduals,
    SceneBatch,
    scene_batch_from_events,
)
from concept_control.errors import CommandError, EventError
from concept_control.world.events import Events

if TYPE_CHECKING:
    from concept_control.energy.model import ConceptModel


class GoalEnergy:
    """The energy of a program of grounded terms over one scene's entities.

    Args:
        model: Model that the codes of the terms belong to.
        program: Postfix sequence of terms and operators.

    Raises:
        CommandError: if the program does not leave exactly one energy, or masks differ in length.
        CodeError: if a code is none of the model's.
    """

    def __init__(self, model: ConceptModel, program: Sequence[GroundedTerm | Operator]) -> None:
        self.model = model
        self.program = tuple(program)
        self.terms = terms_of(self.program)
        check_program(self.program)
        self.conjuncts = split_conjuncts(self.program)
        for term in self.terms:
            if len(term.subjects) != self.num_entities:
                raise CommandError(
                    f'{term.name} is bound to {len(term.subjects)} entities, '
                    f'{self.terms[0].name} to {self.num_entities}'
                )
        self._grounding = Terms(
            [term.code for term in self.terms],
            torch.stack([term.subjects for term in self.terms]),
            torch.stack([term.attention for term in self.terms]),
        )
        self.subjects = self._grounding.subjects.any(dim=0)
        self._residuals = model.energy_function.bind(self._grounding)

    @cached_property
    def _recorded(self) -> BoundResiduals:
        """The residuals by a recording; who only plans a goal and passes it on needs none."""
        return self.model.energy_function.bind(self._grounding, is_recorded=True)

    @property
    def reads_heights(self) -> bool:
        """Whether any of its concepts is about how high things stand."""
        agreed = [code.agreement for code in self._grounding.codes]
        return any(each is not None and each.reads_heights for each in agreed)

    @property
    def num_entities(self) -> int:
        """N, the number of entities that the masks are over."""
        return len(self.terms[0].subjects)

    def value(self, events: Events) -> torch.Tensor:
        """Return the composed energies (B,) of the events' last states.

        Raises:
            EventError: if the events have another number of entities than the terms.
        """
        self.check_entities(events.num_entities)
        return self.scene_value(scene_batch_from_events(events).to(self.model.device))

    def scene_value(self, scene: SceneBatch) -> torch.Tensor:
        """Return the composed energies (B,) of scenes, differentiable in the positions."""
        return self.scene_residual(scene).square().sum(dim=-1)

    def scene_residual(self, scene: SceneBatch) -> torch.Tensor:
        """Return the composed residuals (B, K) of scenes, differentiable in the positions."""
        return run_program(self.program, self.term_residuals(scene))

    def conjunct_values(self, scene: SceneBatch) -> torch.Tensor:
        """Return the energies (B, C) of the C conjuncts, without weights."""
        residuals = self.term_residuals(scene)
        found = [conjunct.residual(residuals) for conjunct in self.conjuncts]
        return torch.stack([residual.square().sum(dim=-1) for residual in found], dim=-1)

    def readings(
        self,
        count: int,
        generator: torch.Generator,
        is_shared: bool = True,
        alternatives: int = 1,
    ) -> Callable[[SceneBatch], torch.Tensor]:
        """Return the composed residuals (B, K) of scenes under drawn readings of the codes.

        Args:
            count: Number of readings, of which each is for B / count scenes in a row; 0 for what
                all of them say together.
            generator: Random generator of the readings.
            is_shared: Whether a sum's terms of one code share what is doubted of it; else what one
                of them breaks still counts for the others.
            alternatives: A, number of scenes in a row that are to hold by the same readings, none
                of them drawn; the residuals are of B / A rows.
        """
        is_sum = all(len(part.program) == 1 and part.weight == 1.0 for part in self.conjuncts)
        bound = self.model.energy_function.bind_readings(
            self._grounding, count, generator, is_shared and is_sum, alternatives
        )
        return lambda scene: run_program(self.program, bound(scene))

    def term_residuals(self, scene: SceneBatch, is_recorded: bool = False) -> list[torch.Tensor]:
        """Return the residuals (B, K) of each term.

        Args:
            scene: B scenes.
            is_recorded: Whether a recording computes them: quicker, without gradients.
        """
        return self._recorded(scene) if is_recorded else self._residuals(scene)

    def check_entities(self, number: int) -> None:
        """Check that a scene has as many entities as the goal is bound to.

        Raises:
            EventError: if it does not.
        """
        if number != self.num_entities:
            raise EventError(
                f'the scene has {number} entities, the goal is bound to {self.num_entities}'
            )
