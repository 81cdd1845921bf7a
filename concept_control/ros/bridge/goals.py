"""`ConceptGoal` messages to goals the controller can pursue. Everything is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from concept_control.control.goal import GroundedGoal
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.solving import solve
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError
from concept_control.msg import ConceptGoal
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge.programs import program_of
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.workspace import Workspace

TOOL_STATE = EntityState(
    position=np.zeros(3),
    size=np.full(3, convert.TOOL_SIZE),
    color=np.array(convert.TOOL_COLOR),
)
"""The tool as an entity of a goal; where it is comes from the joints."""


def grounded_goal(
    message: ConceptGoal,
    entities: Mapping[int, EntityState],
    session: int,
    model: ConceptModel,
    workspace: Workspace,
) -> GroundedGoal:
    """Check a goal and turn it into an energy.

    Args:
        message: the goal.
        entities: what is perceived now, by id.
        session: of those ids.
        model: whose codes the goal must hold.
        workspace: of the arm.

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
    before = np.array([[p.x, p.y] for p in message.before]).reshape(-1, 2)
    targets = np.array([[p.x, p.y] for p in message.targets]).reshape(-1, 2)
    if not (np.isfinite(before).all() and np.isfinite(targets).all()):
        raise CommandError('the goal holds NaN or infinity')
    energy = GoalEnergy(model, program_of(message.terms, ids))
    states = {TOOL_ID: TOOL_STATE, **entities}
    scene = convert.workspace_scene({i: states[i] for i in ids}, workspace)
    scene = replace(scene, positions=workspace.to_workspace(before))
    movable = scene.mask([int(i) for i in message.movable])

    def solve_again(positions: np.ndarray) -> np.ndarray | None:
        now = replace(scene, positions=positions)
        attended = scene.mask([int(i) for term in message.terms for i in term.arguments])
        solution = solve(
            energy, now.events(movable, attended), torch.as_tensor(movable), seed=int(message.seed)
        )
        return np.asarray(solution.positions, float) if solution.converged else None

    return GroundedGoal(
        evaluator=energy.residual_evaluator(),
        entity_ids=tuple(ids),
        before=scene.positions,
        colors=scene.colors,
        sizes=scene.sizes,
        targets=workspace.to_workspace(targets),
        movable=tuple(int(i) for i in message.movable),
        moved=tuple(int(i) for i in message.moved),
        initial_energy=message.initial_energy,
        target_energy=message.target_energy,
        goal_id=message.goal_id,
        expression=message.expression,
        solver=solve_again,
    )
