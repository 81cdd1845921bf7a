"""Goals, their programs and the library as messages, and goals back. Everything is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from std_msgs.msg import Header

from concept_control.control.goal import GroundedGoal
from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.program import GroundedTerm, Operator, reweighted
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError
from concept_control.interfaces.constants import ANY_NUMBER, CONCEPT_FIELDS, TermOperation
from concept_control.interfaces.goal_terms import program_of
from concept_control.language.goals import bind_goal
from concept_control.language.grounding import GoalRequest
from concept_control.language.library import LibraryConcept
from concept_control.msg import Concept, ConceptCommand, ConceptGoal, ConceptTerm
from concept_control.ros.bridge import conversions as convert
from concept_control.world.entity import TABLE_NOISE, TOOL_ID, EntityState, tool_state
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace


def request_of_command(
    command: ConceptCommand, scene: Tabletop, codes: Mapping[str, ConceptCode]
) -> GoalRequest:
    """Read the terms of a command that a program has written.

    Raises:
        CommandError: for terms that are no program of one energy over the scene's entities.
    """
    movable = {int(i) for term in command.terms for i in term.subjects}
    return GoalRequest(
        expression=command.expression or 'terms',
        program=tuple(program_of(command.terms, scene.ids, dict(codes))),
        scene=scene,
        movable=tuple(sorted(movable)),
        seed=int(command.seed),
    )


def goal_message(
    goal: GroundedGoal,
    request: GoalRequest,
    header: Header,
    session: int,
    model: str,
    heights: Mapping[int, float],
    workspace: Workspace,
) -> ConceptGoal:
    """Write a planned goal.

    Args:
        goal: The goal.
        request: What it was planned for.
        header: Stamp and fixed frame.
        session: Session of the entities' ids.
        model: Fingerprint of the model whose codes the terms have.
        heights: Height of each entity's centre [m], by id; the tool's is 0.
        workspace: Workspace of the arm.
    """
    raised = workspace.length_to_world(goal.target_bottoms - request.scene.bottoms)

    def points(positions: np.ndarray, above: np.ndarray | float) -> list:
        z = np.array([heights.get(i, 0.0) for i in goal.entity_ids]) + above
        return [
            convert.point(np.array([*xy, up])) for xy, up in zip(workspace.to_world(positions), z)
        ]

    return ConceptGoal(
        header=header,
        command=ConceptCommand.ACHIEVE,
        session=session,
        expression=goal.expression,
        model=model,
        terms=term_messages(reweighted(request.program, goal.weights), goal.entity_ids),
        entities=convert.ids_array(goal.entity_ids),
        movable=convert.ids_array(goal.movable),
        moved=convert.ids_array(goal.moved),
        before=points(goal.before, 0.0),
        targets=points(goal.targets, raised),
        initial_energy=goal.initial_energy,
        target_energy=goal.target_energy,
        seed=request.seed,
    )


def grounded_goal(
    message: ConceptGoal,
    entities: Mapping[int, EntityState],
    session: int,
    model: ConceptModel,
    workspace: Workspace,
) -> GroundedGoal:
    """Check a goal's message and turn it into an energy.

    Args:
        message: The goal.
        entities: What is perceived now, by id.
        session: Session of those ids.
        model: Model whose codes the goal must hold.
        workspace: Workspace of the arm.

    Raises:
        CommandError: for another model's codes, unknown entities, lengths that disagree or
            values that are not finite.
    """
    if message.model != model.fingerprint:
        raise CommandError(
            f'the goal was made with the model {message.model!r}, but this controller has '
            f'{model.fingerprint!r}; give both nodes the same `model` parameter'
        )
    if message.session != session:
        raise CommandError(
            'perception has given all ids anew since the goal was made (it was restarted, or the '
            'clock jumped); give the command again'
        )
    ids = _checked_ids(message, entities)
    before = np.array([[p.x, p.y, p.z] for p in message.before]).reshape(-1, 3)
    targets = np.array([[p.x, p.y, p.z] for p in message.targets]).reshape(-1, 3)
    if not (np.isfinite(before).all() and np.isfinite(targets).all()):
        raise CommandError('the goal holds NaN or infinity')
    states = {TOOL_ID: tool_state(), **entities}
    # As it was when the goal was made, which somebody may have changed since.
    then = {i: replace(states[i], position=place) for i, place in zip(ids, before)}
    scene = Tabletop.from_entities(then, workspace)
    raised = np.asarray(workspace.length_to_workspace((targets - before)[:, 2]))
    bottoms = scene.bottoms + raised
    request = GoalRequest(
        expression=message.expression,
        program=tuple(program_of(message.terms, ids)),
        scene=scene,
        movable=tuple(int(i) for i in message.movable),
        seed=int(message.seed),
    )
    return bind_goal(
        request,
        model,
        targets=workspace.to_workspace(targets[:, :2]),
        bottoms=np.where(bottoms > TABLE_NOISE, bottoms, 0.0),
        moved=[int(i) for i in message.moved],
        energies=(message.initial_energy, message.target_energy),
        goal_id=message.goal_id,
    )


def _checked_ids(message: ConceptGoal, entities: Mapping[int, EntityState]) -> list[int]:
    ids = [int(i) for i in message.entities]
    if ids != sorted(set(ids)):
        raise CommandError(f'the goal must list its entities by increasing id, got {ids}')
    if len(message.before) != len(ids) or len(message.targets) != len(ids):
        raise CommandError(
            f'the goal has {len(ids)} entities, {len(message.before)} positions before and '
            f'{len(message.targets)} targets; expected as many of each'
        )
    unknown = [i for i in ids if i != TOOL_ID and i not in entities]
    if unknown:
        raise CommandError(
            f'the goal names the entities {unknown}, which are not seen; there are '
            f'{sorted(entities)}'
        )
    return ids


def term_messages(
    program: Sequence[GroundedTerm | Operator], ids: Sequence[int]
) -> list[ConceptTerm]:
    """Write a program whose masks are over `ids`."""
    order = convert.ids_array(ids)
    return [
        ConceptTerm(operation=TermOperation[element.name.upper()], arity=element.arity)
        if isinstance(element, Operator)
        else ConceptTerm(
            operation=TermOperation.CONCEPT,
            name=element.name,
            weight=float(element.weight),
            subjects=order[np.asarray(element.subjects, dtype=bool)],
            arguments=order[np.asarray(element.attention) > 0.5],
            code=element.code.to_array(),
        )
        for element in program
    ]


def concept_message(concept: LibraryConcept) -> Concept:
    """Describe a concept of the library."""
    few, many = zip(concept.subjects, concept.arguments)
    most = [ANY_NUMBER if number is None else number for number in many]
    return Concept(
        **{name: getattr(concept, name) for name in CONCEPT_FIELDS},
        code=concept.code.to_array(),
        min_subjects=few[0],
        max_subjects=most[0],
        min_arguments=few[1],
        max_arguments=most[1],
        sentences=list(concept.sentences),
    )
