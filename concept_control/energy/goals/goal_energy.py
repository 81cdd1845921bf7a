"""The energy of a goal: a program of grounded concepts, differentiable in the positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from concept_control.energy.goals.program import (
    GroundedTerm,
    Operator,
    check_program,
    run_program,
    split_conjuncts,
    terms_of,
)
from concept_control.energy.networks.energy_network import ACTION
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.energy.search.generation import STATES_AT_ONCE
from concept_control.errors import CodeError, CommandError, EventError
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
        CodeError: if a code is of another size.
    """

    def __init__(self, model: ConceptModel, program: Sequence[GroundedTerm | Operator]) -> None:
        self.model = model
        self.program = tuple(program)
        self.terms = terms_of(self.program)
        check_program(self.program)
        self.conjuncts = split_conjuncts(self.program)
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
        parts = []
        scenes_at_once = max(1, STATES_AT_ONCE // len(self.terms))
        for first in range(0, scene.num_events, scenes_at_once):
            part = scene.select(slice(first, first + scenes_at_once))
            parts.append(run_program(self.program, self._residuals(part)))
        return torch.cat(parts)

    def conjunct_values(self, scene: SceneBatch) -> torch.Tensor:
        """Return the energies (B, C) of the C conjuncts, without weights, of a few scenes."""
        residuals = self._residuals(scene)
        found = [conjunct.residual(residuals) for conjunct in self.conjuncts]
        return torch.stack([residual.square().sum(dim=-1) for residual in found], dim=-1)

    def _residuals(self, scene: SceneBatch) -> Sequence[torch.Tensor]:
        """Return each term's residuals (B, K), all from one pass of the network."""
        number, batch = len(self.terms), scene.num_events
        subjects, attention = (
            torch.stack([getattr(term, mask) for term in self.terms])
            .to(scene.after)
            .repeat_interleave(batch, dim=0)
            for mask in ('subjects', 'attention')
        )
        each = SceneBatch(*(torch.cat([value] * number) for value in scene))
        # For a term, what is not its subject has always stood where it is, even if another term
        # or somebody else has moved it.
        gate = subjects.unsqueeze(-1)
        grounded = each._replace(
            before=each.before * gate + each.after * (1 - gate),
            subjects=subjects,
            attention=attention,
        )
        conditioning = self._conditioning.repeat(batch)
        residuals = self.model.network(grounded, attention.unsqueeze(1), conditioning)[:, 0]
        return residuals.unflatten(0, (number, batch)).unbind(0)

    def check_entities(self, number: int) -> None:
        """Check that a scene has as many entities as the goal is bound to.

        Raises:
            EventError: if it does not.
        """
        if number != self.num_entities:
            raise EventError(
                f'the scene has {number} entities, the goal is bound to {self.num_entities}'
            )
