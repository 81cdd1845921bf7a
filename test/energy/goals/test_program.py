"""The algebra of composition."""

import torch

from concept_control.energy.goals.program import NOT_MARGIN, soft_not, soft_or


def test_or_is_a_soft_minimum_with_exact_zeros():
    a = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.01, 0.0], [1.0, 0.0]])
    b = torch.tensor([[2.0], [0.5], [1.0], [0.0]])
    whole = soft_or([a, b]).square().sum(dim=-1)
    smallest = torch.minimum(a.square().sum(dim=-1), b.square().sum(dim=-1))
    assert (whole[[0, 3]] < 1e-9).all()
    assert (whole <= smallest + 1e-9).all()
    assert (whole >= 0.7 * smallest - 1e-9).all()


def test_not_is_bounded_and_zero_where_the_concept_does_not_hold():
    residual = torch.tensor([[0.0], [0.1], [NOT_MARGIN], [5.0]])
    whole = soft_not(residual).square().sum(dim=-1)
    assert whole[0] <= NOT_MARGIN**2
    assert whole[0] > whole[1] > whole[2]
    assert whole[2] < 1e-9 and whole[3] == 0
    # Twice negated, a zero is a zero again.
    assert soft_not(soft_not(residual[:1]))[0, 0] < 1e-4
