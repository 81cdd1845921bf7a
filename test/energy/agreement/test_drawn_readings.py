"""Readings of codes that are drawn."""

import math

import torch

from concept_control.energy.agreement.bounds import KEPT, NEXT, Bounds
from concept_control.energy.agreement.drawn_readings import bind_readings, draw_bounds
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.scene_batch import NAT, scene_batch_from_events
from concept_control.world.events import Events

DRAWS = 4000


def test_readings_are_drawn_as_the_bounds_doubt():
    """A certain bound that may be open above, two readings of another, a rare one, a sign."""
    column = torch.tensor
    bounds = Bounds(
        index=torch.arange(5),
        lower=column([0.2, -1.0, 0.3, 0.0, 0.1]),
        upper=column([0.4, -0.5, 0.6, 1.0, 0.5]),
        scale=column([0.2, 0.5, 0.3, 1.0, 0.4]),
        slack=torch.ones(5),
        open_lower=torch.zeros(5),
        open_upper=column([0.25, 0.0, 0.0, 0.0, 0.0]),
        sign=column([0.0, 0.0, 0.0, 0.0, 1.0]),
        clause=column([0, 1, 1, 2, 3]),
        weight=column([1.0, 0.6, 0.2, 1.0, 1.0]),
        relevance=column([1.0, 1.0, 0.1, 1.0]),
        power=torch.ones(4),
        kind=column([KEPT, NEXT, KEPT, KEPT]),
        shots=5,
    )
    lower, upper = draw_bounds(bounds, DRAWS, torch.Generator().manual_seed(0))
    assert lower.shape == upper.shape == (DRAWS, 5)
    asked = ~lower.isinf() | ~upper.isinf()

    def share(hits: torch.Tensor) -> float:
        return float(hits.float().mean())

    assert asked[:, 0].all() and abs(share(upper[:, 0].isinf()) - 0.25) < 0.03
    assert abs(share(asked[:, 1]) - 0.6) < 0.03 and abs(share(asked[:, 2]) - 0.2) < 0.03
    assert not (asked[:, 1] & asked[:, 2]).any()
    assert abs(share(asked[:, 3]) - 0.1) < 0.03
    assert (lower[:, 4] == 0).all() and upper[:, 4].isinf().all()
    # Of five values the next is as far beyond them as they spread once in 16 times.
    beyond = bounds.lower[0] - lower[:, 0]
    assert (beyond >= 0).all()
    assert abs(share(beyond > bounds.scale[0]) - 2.0**-4) < 0.02


def test_what_is_doubted_of_a_code_is_doubted_once_where_energies_only_add_up(codes):
    """On the wrong side of two things, of one and of none."""
    placing = codes['left_of'].agreement.placing
    acts, meant = torch.eye(3)[[0, 0]], torch.eye(3)[[1, 2]]
    places = torch.tensor([
        [[0.8, 0.0], [0.0, 0.0], [0.1, 0.0]],
        [[0.0, 0.0], [-0.8, 0.0], [0.8, 0.0]],
        [[-0.8, 0.0], [0.0, 0.0], [0.1, 0.0]],
    ])  # fmt: skip
    scene = scene_batch_from_events(Events(places.unsqueeze(1), torch.rand(3, 3, 3)))

    def energies(is_sum: bool) -> torch.Tensor:
        bound = bind_readings(
            [placing, placing], acts, meant, 0, torch.Generator().manual_seed(0), is_sum
        )
        return torch.cat(bound(scene), dim=-1).square().sum(dim=-1)

    each, together = energies(False), energies(True)
    assert 0.9 < (each[0] - each[2]) / (each[1] - each[2]) / 2 < 1.1
    assert 0.9 < (together[0] - together[2]) / (together[1] - together[2]) < 1.1


def test_alternatives_hold_by_the_same_reading():
    """Right of one thing, or above it: places that hold by different readings share none."""
    column = torch.tensor
    ones, zeros = torch.ones(2), torch.zeros(2)
    either = Bounds(
        index=torch.arange(2),
        lower=column([0.4, 0.4]),
        upper=column([0.6, 0.6]),
        scale=0.05 * ones,
        slack=ones,
        open_lower=zeros,
        open_upper=zeros,
        sign=zeros,
        clause=torch.zeros(2, dtype=torch.long),
        weight=0.5 * ones,
        relevance=ones[:1],
        power=ones[:1],
        kind=column([NEXT]),
        shots=5,
    )
    placing = Agreement(('attended: x', 'attended: y'), either, (1, 1), 0.0)
    right, above = [[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.5], [0.0, 0.0]]
    places = column([right, right, right, above])
    scene = scene_batch_from_events(Events(places.unsqueeze(1), torch.rand(4, 2, 3)))
    for is_sum in (False, True):
        each, both = (
            bind_readings(
                [placing], torch.eye(2)[:1], torch.eye(2)[1:], 0, torch.Generator(), is_sum, number
            )(scene)[0]
            .square()
            .sum(dim=-1)
            / NAT
            for number in (1, 2)
        )
        torch.testing.assert_close(each, math.log(2) * torch.ones(4), rtol=0.0, atol=0.01)
        assert both.shape == (2,)
        assert abs(float(both[0]) - math.log(2)) < 0.01 and float(both[1]) > 4.0
