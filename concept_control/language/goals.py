"""A concept of the tool alone, beside something else that moves it: its energy joins the cost."""

from __future__ import annotations

from collections.abc import Sequence

from concept_control.control.goal import GroundedGoal
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.model import ConceptModel
from concept_control.errors import GroundingError
from concept_control.language.expression import parse
from concept_control.language.grounding import ground
from concept_control.language.library import ConceptLibrary
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop


def tool_program(
    expression: str, scene: Tabletop, model: ConceptModel, library: ConceptLibrary, seed: int = 0
) -> tuple[GroundedTerm | Operator, ...]:
    """Ground an expression that is about the tool and nothing else that moves.

    Raises:
        GroundingError: if it is not, and as `ground`.
    """
    grounded = ground(parse(expression), scene, model, library, seed)
    if set(grounded.movable) != {TOOL_ID}:
        raise GroundingError(f'{expression!r} is not about the tool alone; try "far(tool; blue)"')
    return grounded.program


def tool_goal(
    program: Sequence[GroundedTerm | Operator],
    scene: Tabletop,
    model: ConceptModel,
    expression: str = '',
) -> GroundedGoal:
    """Return the goal of a program over a scene with the tool in it."""
    energy = GoalEnergy(model, program)
    events = scene.events(scene.mask((TOOL_ID,)), scene.mask(()))
    value = float(energy.value(events.with_outcome(events.positions[:, -1]))[0])
    return GroundedGoal(
        evaluator=energy.residual_evaluator(),
        entity_ids=tuple(scene.ids),
        before=scene.positions,
        colors=scene.colors,
        sizes=scene.sizes,
        movable=(TOOL_ID,),
        moved=(),
        targets=scene.positions,
        target_energy=0.0,
        initial_energy=value,
        expression=expression,
    )
