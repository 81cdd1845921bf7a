"""The energy of a goal: a program of grounded concepts, differentiable in the positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from concept_control.energy.networks.energy_network import (
    ACTION,
    EnergyConditioning,
    EnergyNetwork,
)
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.energy.search.generation import STATES_AT_ONCE
from concept_control.errors import CodeError, CommandError, EventError
from concept_control.world.events import Events

if TYPE_CHECKING:
    from concept_control.energy.model import ConceptModel


def network_residuals(
    network: EnergyNetwork,
    scene: SceneBatch,
    subjects: torch.Tensor,
    attention: torch.Tensor,
    conditioning: EnergyConditioning,
) -> torch.Tensor:
    """Return the residuals (M, B, K) of M terms in B scenes, all from one pass of the network.

    Args:
        network: Energy network.
        scene: B scenes; their own masks are ignored.
        subjects: (M, N) 0 or 1, entities that each term acts on.
        attention: (M, N) 0 or 1, entities that each term is about.
        conditioning: Conditioning by the terms' codes, M rows.
    """
    terms, batch = subjects.shape[0], scene.after.shape[0]
    each = SceneBatch(*(value.expand(terms, *value.shape).flatten(0, 1) for value in scene))
    subjects = subjects.repeat_interleave(batch, dim=0)
    attention = attention.repeat_interleave(batch, dim=0)
    # For a term, what is not its subject has always stood where it is, even if another term
    # or somebody else has moved it.
    gate = subjects.unsqueeze(-1)
    grounded = each._replace(
        before=each.before * gate + each.after * (1 - gate),
        subjects=subjects,
        attention=attention,
    )
    residuals = network(grounded, attention.unsqueeze(1), conditioning.repeat(batch))
    return residuals.reshape(terms, batch, -1)


TermResiduals = Callable[
    [EnergyNetwork, SceneBatch, torch.Tensor, torch.Tensor, EnergyConditioning], torch.Tensor
]
"""A function like `network_residuals`."""


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
        subjects = torch.stack([term.subjects for term in self.terms])
        self.subjects = subjects.any(dim=0)
        reference = next(model.network.parameters())
        codes = torch.stack([term.code.action for term in self.terms])
        with torch.no_grad():
            self._conditioning = model.network.condition(codes.to(reference), ACTION)
        attention = torch.stack([term.attention for term in self.terms])
        self._masks = subjects.to(reference), attention.to(reference)

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
        """Return the energies (B, C) of the C conjuncts of scenes, without weights."""
        residuals = self.term_residuals(scene)
        found = [conjunct.residual(residuals) for conjunct in self.conjuncts]
        return torch.stack([residual.square().sum(dim=-1) for residual in found], dim=-1)

    def term_residuals(
        self, scene: SceneBatch, evaluate: TermResiduals = network_residuals
    ) -> Sequence[torch.Tensor]:
        """Return the residuals (B, K) of each term.

        Args:
            scene: B scenes.
            evaluate: `network_residuals` or an equivalent of it.
        """
        parts = []
        scenes_at_once = max(1, STATES_AT_ONCE // len(self.terms))
        for first in range(0, scene.num_events, scenes_at_once):
            part = scene.select(slice(first, first + scenes_at_once))
            parts.append(evaluate(self.model.network, part, *self._masks, self._conditioning))
        return torch.cat(parts, dim=1).unbind(0)

    def check_entities(self, number: int) -> None:
        """Check that a scene has as many entities as the goal is bound to.

        Raises:
            EventError: if it does not.
        """
        if number != self.num_entities:
            raise EventError(
                f'the scene has {number} entities, the goal is bound to {self.num_entities}'
            )
