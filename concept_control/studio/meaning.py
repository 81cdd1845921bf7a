"""What an expression means on the table: who is meant, where things would go, how far off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.goal import GroundedGoal
from concept_control.energy.model import ConceptModel
from concept_control.language.expression import Expression, reweighted, terms
from concept_control.language.goals import plan_goal, request_goal
from concept_control.language.library import ConceptLibrary
from concept_control.studio.lesson import HEAT_SIDE, grid_places, heights_at
from concept_control.studio.table import Place, Table
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class Meaning:
    """An expression, bound to the things of a table and solved.

    Attributes:
        movable: Ids of what may move.
        meant: Ids of what it is about.
        places: Places of the things that move, by id.
        parts: Parts that must hold, each with its energy now and at the solution.
        weights: Weight of each term, in the order of the expression.
        goal: Goal for a controller.
    """

    movable: tuple[int, ...]
    meant: tuple[int, ...]
    places: dict[int, Place]
    parts: tuple[tuple[str, float, float], ...]
    weights: tuple[float, ...]
    goal: GroundedGoal


def find_meaning(
    expression: Expression,
    table: Table,
    model: ConceptModel,
    library: ConceptLibrary,
    seed: int = 0,
) -> Meaning:
    """Bind an expression to a table and find where things should go.

    Raises:
        GroundingError: if the table does not have what is named, or no room for it.
    """
    request = request_goal(expression, table.tabletop(), model, library, seed)
    goal = plan_goal(request, model, Workspace())
    scene = request.scene
    now, then = (
        goal.conjunct_energies(np.column_stack(places)[None])[0]
        for places in ((scene.positions, scene.bottoms), (goal.targets, goal.target_bottoms))
    )
    return Meaning(
        movable=request.movable,
        meant=request.attention,
        places=target_places(goal),
        parts=tuple((n, float(a), float(b)) for n, a, b in zip(goal.conjuncts, now, then)),
        weights=tuple(term.weight for term in terms(expression)),
        goal=goal,
    )


def target_places(goal: GroundedGoal) -> dict[int, Place]:
    """Return where a goal's solution puts what it moves, by id."""
    rows = zip(goal.entity_ids, goal.targets, goal.target_bottoms)
    return {i: (float(x), float(y), float(z)) for i, (x, y), z in rows if i in goal.moved}


def goal_heat(goal: GroundedGoal, table: Table, thing_id: int) -> np.ndarray:
    """Return the energies (S, S) of a goal with one thing at every cell of the table.

    It is at the height at which it would rest there, the others where the solution puts them.

    Args:
        goal: Goal.
        table: Table that it was found for.
        thing_id: Id of the thing that is imagined everywhere.
    """
    cells = grid_places()
    table = table.moved(target_places(goal))
    places = np.array([table.thing(i).place for i in goal.entity_ids])
    positions = np.repeat(places[None], len(cells), axis=0)
    heights = heights_at(table, thing_id, cells)
    positions[:, goal.index(thing_id)] = np.column_stack([cells, heights])
    return goal.energy(positions).reshape(HEAT_SIDE, HEAT_SIDE)


def with_weights(expression: Expression, weights: list[float]) -> Expression:
    """Return an expression whose terms have other weights, given in their order."""
    rest = iter(weights)
    return reweighted(expression, lambda _: float(next(rest)))
