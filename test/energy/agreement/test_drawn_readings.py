"""Readings of codes that are drawn."""

import torch

from concept_control.energy.agreement.conjunction import KEPT, NEXT, Bounds
from concept_control.energy.agreement.drawn_readings import draw_bounds

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
