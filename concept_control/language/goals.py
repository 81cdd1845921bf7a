"""The one maker of goals: what was asked, in a scene, to a `GroundedGoal` for the controller.

A `GoalRequest` binds concepts to entities, from words (`request_goal`) or from the terms of a
message. `plan_goal` finds where things should stand and refuses what cannot be reached;
`bind_goal` takes a solution that somebody else has found, such as the one in a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np

from concept_control.control.goal import MAX_ENERGY, MOVE_TOLERANCE, GroundedGoal
from concept_control.energy.goals.fast_evaluator import FastGoalEvaluator
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import (
    GroundedTerm,
    reweighted,
    terms_of,
)
from concept_control.energy.goals.solving import Solution, solve
from concept_control.energy.measurements.heights import WITHIN
from concept_control.energy.model import ConceptModel
from concept_control.energy.search.walls import DIAGONAL, TIGHT
from concept_control.errors import GroundingError
from concept_control.language.expression import Expression, parse, uses_tool
from concept_control.language.grounding import GoalRequest, ground
from concept_control.language.library import ConceptLibrary
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class GoalConfig:
    """When a solution counts.

    Attributes:
        max_energy: Energy of a part above which it does not count as reached, whatever its weight:
            about the square of the error in workspace units.
        move_tolerance: Distance below which an entity is left where it is [m].
    """

    max_energy: float = MAX_ENERGY
    move_tolerance: float = MOVE_TOLERANCE


def request_goal(
    expression: str | Expression,
    scene: Tabletop,
    model: ConceptModel,
    library: ConceptLibrary,
    seed: int = 0,
) -> GoalRequest:
    """Bind the words of an expression to a scene; the tool counts only where it is named.

    Raises:
        ExpressionError: if the expression cannot be parsed.
        GroundingError: as `ground`.
    """
    parsed = parse(expression) if isinstance(expression, str) else expression
    if not uses_tool(parsed):
        scene = scene.without_tool()
    return ground(parsed, scene, model, library, seed)


def request_tool_goal(
    expression: str, scene: Tabletop, model: ConceptModel, library: ConceptLibrary, seed: int = 0
) -> GoalRequest:
    """Bind an expression that is about the tool and nothing else that moves.

    Raises:
        GroundingError: if it is not, and as `request_goal`.
    """
    request = request_goal(expression, scene, model, library, seed)
    if set(request.movable) != {TOOL_ID}:
        raise GroundingError(f'{expression!r} is not about the tool alone; try "far(tool; blue)"')
    return request


def plan_goal(
    request: GoalRequest,
    model: ConceptModel,
    workspace: Workspace,
    config: GoalConfig | None = None,
) -> GroundedGoal:
    """Find where the movable entities should stand, and make the controller's goal of it.

    Weights count only where not everything can be had: then the heaviest parts are reached, and
    the others as far as these allow. Otherwise the goal's terms have weight 1.

    Args:
        request: Concepts bound to entities.
        model: Model whose codes the terms have.
        workspace: Workspace of the arm, in which the move tolerance is measured.
        config: When a solution counts.

    Raises:
        GroundingError: if no arrangement was found in which the concepts hold, or the heaviest.
    """
    config = config or GoalConfig()
    weights = np.array([term.weight for term in terms_of(request.program)])
    energy = GoalEnergy(model, reweighted(request.program, np.ones(len(weights)).tolist()))
    solution = _solve(energy, request, config.max_energy)
    if not solution.converged and len(set(weights)) > 1:
        relative = (weights / weights.max()).tolist()
        energy = GoalEnergy(model, reweighted(request.program, relative))
        solution = _solve(energy, request, config.max_energy)
    heaviest = max(part.weight for part in energy.conjuncts)
    missed = [
        f'{part.name} is left with energy {value:.3g}, at most {config.max_energy:g} counts as '
        'reached'
        for part, value in zip(energy.conjuncts, solution.conjuncts)
        if part.weight == heaviest and value > config.max_energy
    ]
    if not solution.is_clear:
        missed.append('blocks would overlap or fall')
    if missed:
        missed += _unfit(energy.terms, request.scene, workspace)
        raise GroundingError(
            f'{request.expression} cannot be reached here: {"; ".join(missed)}; is there room for '
            'it on the table, and does it contradict itself?'
        )
    targets = np.asarray(solution.positions, dtype=float)
    shift = np.linalg.norm(targets - request.scene.positions, axis=-1)
    raised = np.abs(solution.bottoms - request.scene.bottoms)
    far = np.hypot(shift, raised) > float(workspace.length_to_workspace(config.move_tolerance))
    moved = tuple(i for i, is_far in zip(request.scene.ids, far & solution.moved) if is_far)
    # What lies on something that has to move, or is in the way, is moved as well.
    request = replace(request, movable=tuple(sorted({*request.movable, *moved})))
    return _goal(
        energy,
        request,
        targets=targets,
        bottoms=solution.bottoms,
        moved=moved,
        initial_energy=_energy_now(energy, request),
        target_energy=float(solution.energy),
    )


def _unfit(terms: Sequence[GroundedTerm], scene: Tabletop, workspace: Workspace) -> Iterator[str]:
    """Say what cannot be in what it is meant to be in."""
    unit = 1000 * float(workspace.length_to_world(1.0))
    sides, openings = unit * scene.sizes, unit * (scene.sizes - 2 * scene.rims)
    for term in terms:
        outcome = None if term.code.agreement is None else term.code.agreement.outcome
        if outcome is None or WITHIN not in outcome.specs:
            continue
        for row, box in product(*(np.flatnonzero(m) for m in (term.subjects, term.attention))):
            inner, outer = scene.ids[row], scene.ids[box]
            if scene.rims[box] <= 0:
                yield f'#{outer} is no open box'
            elif DIAGONAL * sides[row] > openings[box]:
                yield (
                    f'#{inner} needs {DIAGONAL * sides[row]:.0f} mm, however it is turned, and '
                    f'between the walls of #{outer} there are {openings[box]:.0f} mm'
                )


def bind_goal(
    request: GoalRequest,
    model: ConceptModel,
    targets: np.ndarray,
    moved: Sequence[int],
    energies: tuple[float, float],
    goal_id: int = 0,
    bottoms: np.ndarray | None = None,
) -> GroundedGoal:
    """Make the controller's goal of a solution that is known already.

    Args:
        request: Concepts bound to entities; its scene is as it was when the goal was made.
        model: Model whose codes the terms have.
        targets: (N, 2) positions of the solution, workspace units.
        moved: Ids that the solution moves.
        energies: Composed energy before, and at the solution.
        goal_id: Number of the goal.
        bottoms: (N,) heights of the lower faces in the solution, workspace units; None: as now.
    """
    energy = GoalEnergy(model, request.program)
    bottoms = request.scene.bottoms if bottoms is None else bottoms
    return _goal(energy, request, targets, bottoms, tuple(moved), *energies, goal_id=goal_id)


def tool_goal(request: GoalRequest, model: ConceptModel) -> GroundedGoal:
    """Make a goal of the tool alone that is added to something else that moves the tool."""
    energy = GoalEnergy(model, request.program)
    here = request.scene.positions, request.scene.bottoms
    return _goal(energy, request, *here, (), _energy_now(energy, request), 0.0)


def _goal(
    energy: GoalEnergy,
    request: GoalRequest,
    targets: np.ndarray,
    bottoms: np.ndarray,
    moved: tuple[int, ...],
    initial_energy: float,
    target_energy: float,
    goal_id: int = 0,
) -> GroundedGoal:
    scene = request.scene
    evaluator = FastGoalEvaluator(
        energy, np.stack([scene.bottoms, bottoms, scene.heights, scene.rims])
    )

    def solve_again(places: np.ndarray) -> np.ndarray | None:
        there = replace(scene, positions=places[:, :2], bottoms=places[:, 2])
        solution = _solve(energy, replace(request, scene=there), GoalConfig.max_energy)
        if not solution.converged:
            return None
        # From now on the energy is that of things at the heights of this solution.
        evaluator.target_bottoms = solution.bottoms
        return np.column_stack([solution.positions, solution.bottoms]).astype(float)

    return GroundedGoal(
        evaluator=evaluator,
        entity_ids=tuple(scene.ids),
        before=scene.positions,
        colors=scene.colors,
        sizes=scene.sizes,
        movable=request.movable,
        moved=moved,
        targets=targets,
        initial_energy=initial_energy,
        target_energy=target_energy,
        goal_id=goal_id,
        expression=request.expression,
        conjuncts=tuple(part.name for part in energy.conjuncts),
        weights=tuple(term.weight for term in energy.terms),
        solver=solve_again,
        target_bottoms=bottoms,
        subjects=tuple(
            i
            for i, *acts in zip(scene.ids, *(term.subjects for term in energy.terms))
            if any(acts)
        ),
        notes=_notes(energy.terms, scene),
    )


def _notes(terms: Sequence[GroundedTerm], scene: Tabletop) -> tuple[str, ...]:
    """Say of words that know no heights how they are meant of things off the table."""
    notes = {}
    for term in terms:
        agreement = term.code.agreement
        about = (term.subjects | term.attention).numpy() & (scene.bottoms > 0)
        if about.any() and not (agreement is not None and agreement.reads_heights):
            raised = [i for i, is_raised in zip(scene.ids, about) if is_raised]
            notes[term.name] = (
                f'{term.name} is meant as seen from above, and '
                f'{", ".join(f"#{i}" for i in raised)} {"is" if len(raised) == 1 else "are"} not '
                'on the table'
            )
    return tuple(notes.values())


def _solve(energy: GoalEnergy, request: GoalRequest, max_energy: float) -> Solution:
    subjects = request.scene.mask(request.movable)
    events = request.scene.events(subjects)
    within = partial(solve, energy, events, subjects, request.seed, max_energy)
    solution = within()
    if solution.converged:
        return solution
    # "Left of" what is itself at the left is a strip along the border.
    tight = within(TIGHT)
    return tight if tight.converged else solution


def _energy_now(energy: GoalEnergy, request: GoalRequest) -> float:
    return float(energy.value(request.scene.events(request.scene.mask(request.movable)))[0])
