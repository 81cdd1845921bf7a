"""From words to places without ROS: where things should stand for an expression to hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from concept_control.control.goal import GroundedGoal
from concept_control.energy.model import ConceptModel
from concept_control.errors import EventError
from concept_control.language.expression import parse
from concept_control.language.goals import plan_goal, request_goal
from concept_control.language.library import ConceptLibrary
from concept_control.language.spoken_words import add_words
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class Arrangement:
    """Where the things of a scene should stand for an expression to hold.

    Attributes:
        goal: Goal for a controller: the composed energy, and whom it moves.
        scene: Scene as it would be then, without the tool unless that is named.
    """

    goal: GroundedGoal
    scene: Tabletop

    @property
    def places(self) -> dict[int, tuple[float, float]]:
        """Places of the entities that have to move, by id [workspace units]."""
        rows = zip(self.scene.ids, self.scene.positions)
        return {i: (float(x), float(y)) for i, (x, y) in rows if i in self.goal.moved}


def arrange(
    expression: str,
    scene: Tabletop,
    model: ConceptModel,
    library: ConceptLibrary | None = None,
    seed: int = 0,
    workspace: Workspace | None = None,
) -> Arrangement:
    """Find where things should stand for an expression to hold.

    Args:
        expression: Expression such as `between(red; blue, green)`.
        scene: Entities on the table, in workspace units.
        model: Model that infers the words and computes the energy.
        library: Library that is used and gets the shipped words that it lacks, each learned when
            it is first said; None for a new one.
        seed: Seed of every random choice.
        workspace: Workspace of the table; None for the default one.

    Raises:
        ExpressionError: if the expression cannot be parsed, or has a word that is unknown.
        EventError: if the arrays of the scene contradict each other.
        GroundingError: if the scene does not have what is named, or no room for it.
    """
    library = ConceptLibrary() if library is None else library
    parsed = parse(expression)
    add_words(parsed, model, library)
    request = request_goal(parsed, _checked(scene), model, library, seed)
    goal = plan_goal(request, model, workspace or Workspace())
    there = replace(request.scene, positions=goal.targets, bottoms=goal.target_bottoms)
    return Arrangement(goal, there)


def _checked(scene: Tabletop) -> Tabletop:
    """Return the scene with arrays for lists."""
    n = len(scene.ids)
    arrays: dict[str, tuple[int, ...]] = {'positions': (n, 2), 'colors': (n, 3)}
    arrays |= dict.fromkeys(('sizes', 'bottoms', 'heights', 'rims'), (n,))
    values = {name: np.asarray(getattr(scene, name), dtype=float) for name in arrays}
    for name, shape in arrays.items():
        if values[name].shape != shape or not np.isfinite(values[name]).all():
            raise EventError(
                f'{name} of shape {values[name].shape}; expected finite numbers of shape {shape} '
                f'for the {n} ids {list(scene.ids)}'
            )
    return Tabletop(tuple(scene.ids), **values)
