"""What a goal must say to be pursued."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.benchmarks.control.tool_between import MidpointEnergy, closed_form_goal
from concept_control.errors import CommandError
from concept_control.world.workspace import Workspace

PLACES = np.array([[0.5, 0.1], [0.4, -0.1], [0.6, 0.0]])


def goal(**settings):
    energy = MidpointEnergy(0, 1, 2)
    made = closed_form_goal(energy, PLACES, np.full(3, 0.04), {0: (0, 0)}, Workspace())
    return replace(made, **settings)


def test_a_solution_says_at_which_heights_things_stand():
    assert goal().target_bottoms.tolist() == [0, 0, 0]
    assert goal(target_bottoms=np.array([0.5, 0, 0])).target_bottoms.tolist() == [0.5, 0, 0]
    with pytest.raises(CommandError, match='below the table'):
        goal(target_bottoms=np.array([-0.1, 0, 0]))
    with pytest.raises(CommandError, match='not finite'):
        goal(target_bottoms=np.array([np.nan, 0, 0]))
