"""Heights: a pile measured by hand, symmetries and gradients."""

import pytest
import torch

from concept_control.energy.measurements.heights import height_measurements, pile_measurements
from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.scene_view import SceneView


@pytest.fixture
def pile(make_scene):
    """The first lies on the second, 1 cm off its middle in x; the third stands 0.2 off the table
    on the fourth, and the others on the table."""
    scene = make_scene(1, count=4, meant=1)
    places = torch.tensor([[[0.31, 0.1], [0.3, 0.1], [-0.5, 0.0], [-0.5, 0.0]]]).double()
    heights = torch.tensor([[0.1, 0.3, 0.1, 0.2]]).double()
    bottoms = torch.tensor([[0.3, 0.0, 0.2, 0.0]]).double()
    sides = torch.tensor([[0.1, 0.2, 0.1, 0.2]]).double().unsqueeze(-1).expand(-1, -1, 2)
    return scene._replace(after=places, sides=sides, heights=heights, bottoms=bottoms)


def values(measurements, scene):
    found = evaluate(measurements, SceneView(scene))[0].tolist()
    return {m.name: value for m, value in zip(measurements, found)}


def test_the_height_of_one_on_another(pile):
    expected = {
        'attended: within': 3.0,  # in no open box
        'attended: on top': 0.0,
        'attended: underneath': -0.4,
        'attended: level': 0.3,
        'attended: middle': 0.2,
        'attended: over': 0.1,
        'attended: number under': 1.0,
        'others: number under': 0.0,
        'table: height': 0.3,
        'start: height': 0.3,
        'others: number lower': 3.0,
        'others: number higher': 0.0,
    }
    assert values(height_measurements(), pile) == pytest.approx(expected, abs=1e-6)


def test_how_a_set_is_piled_up(pile):
    tower = pile._replace(attention=torch.tensor([[1, 1, 0, 0]]).double())
    expected = {
        'set: face gap': 0.0,
        'set: off middle': 0.1,
        'set: carrier gap': 3.0,
        'set: not on another': 0.0,
        'set: height/sum': 1.0,
        'set: lowest face': 0.0,
        'set: unsorted size up': 0.0,
    }
    assert values(pile_measurements(), tower) == pytest.approx(expected, abs=1e-4)
    apart = values(pile_measurements(), pile._replace(attention=torch.tensor([[1.0, 0, 0, 1]])))
    assert apart['set: not on another'] == 1 and apart['set: off middle'] == 3
    assert apart['set: face gap'] == pytest.approx(0.1)
    places = torch.tensor([[[0.31, 0.1], [0.3, 0.1], [0.15, 0.1], [0.45, 0.1]]]).double()
    bridge = pile._replace(after=places, bottoms=torch.tensor([[0.3, 0, 0, 0]]).double(),
                           heights=torch.tensor([[0.1, 0.1, 0.3, 0.3]]).double(),
                           sides=torch.full((1, 4, 2), 0.21).double(),
                           attention=torch.tensor([[1.0, 0, 1, 1]]))  # fmt: skip
    across = values(pile_measurements(), bridge)
    assert across['set: carrier gap'] == pytest.approx(0.09 / 0.21, abs=1e-4)
    assert across['set: off middle'] == pytest.approx(0.01 / 0.105, abs=1e-4)


def test_every_measurement_keeps_what_it_says(check):
    check(height_measurements())
    check(pile_measurements())
