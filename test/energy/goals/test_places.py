"""Goals solved on given places."""

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.places import solve_on_places
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.world.events import Events


def test_things_take_the_places_of_least_energy_and_no_place_holds_two(model, codes):
    events = Events(np.array([[[[0.9, 0.9], [0.9, -0.9], [0.0, 0.0]]]]), torch.rand(1, 3, 3))
    places = np.array([[-0.6, 0.0], [0.6, 0.0], [0.0, 0.8], [0.0, -0.8]])
    first, second, third = torch.eye(3)
    program = [
        GroundedTerm('left_of', codes['left_of'], first, third),
        GroundedTerm('left_of', codes['left_of'], third, second),
        Operator('and', 2),
    ]
    goal = GoalEnergy(model, program)
    found = solve_on_places(goal, events, first + second, places, seed=0)
    np.testing.assert_allclose(found, [[-0.6, 0.0], [0.6, 0.0], [0.0, 0.0]], atol=1e-6)
    again = solve_on_places(goal, events, first + second, places[[0, 2]], seed=0)
    assert {tuple(p) for p in np.round(again[:2], 3)} == {(-0.6, 0.0), (0.0, 0.8)}
