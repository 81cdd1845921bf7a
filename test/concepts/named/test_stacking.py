"""What counts as standing in an open box."""

import numpy as np
import pytest

from concept_control.concepts.vocabulary import vocabulary
from concept_control.world.events import Events


@pytest.mark.parametrize(
    ('place', 'bottom', 'side', 'rim', 'holds'),
    [
        ((0.0, 0.1), 0.0, 0.16, 0.02, True),
        ((0.02, 0.0), 0.0, 0.4, 0.02, True),
        ((0.35, 0.0), 0.0, 0.16, 0.02, False),  # outside
        ((0.22, 0.0), 0.2, 0.16, 0.02, False),  # on the rim
        ((0.0, 0.0), 0.2, 0.16, 0.02, False),  # in the air
        ((0.0, 0.0), 0.0, 0.47, 0.02, False),  # wider than the opening
        ((0.0, 0.0), 0.0, 0.16, 0.0, False),  # the other is solid
        ((-0.1, -0.1), 0.1, 0.16, 0.02, True),  # on what is in the box
        ((0.1, 0.1), 0.1, 0.16, 0.02, False),
    ],
)
def test_what_is_in_an_open_box_rests_between_its_walls(place, bottom, side, rim, holds):
    word, other = vocabulary()['inside'], (-0.1, -0.1)
    events = Events(
        positions=np.array([[[(0.9, 0.9), (0.0, 0.0), other], [place, (0.0, 0.0), other]]]),
        colors=np.zeros((1, 3, 3)),
        sizes=np.array([[side, 0.5, 0.1]]),
        heights=np.array([[side, 0.2, 0.1]]),
        bottoms=np.array([[[0.0, 0.0, 0.0], [bottom, 0.0, 0.0]]]),
        rims=np.array([[0.0, rim, 0.0]]),
        subjects=np.array([[1, 0, 0]]),
        attention=np.array([[0, 1, 0]]),
    )
    assert word.holds(events)[0] == holds
