"""The algebra of composition."""

import pytest
import torch

from concept_control.energy.goals.program import (
    NOT_MARGIN,
    Operator,
    reweighted,
    run_program,
    soft_not,
    soft_or,
    split_conjuncts,
)


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


def test_conjuncts_are_what_must_all_hold_without_weights(term):
    a, b, c, d = (term(i, [True, False], [False, True], 0.001) for i in range(4))
    both, either, no = Operator('and', 2), Operator('or', 2), Operator('not', 1)
    # (a and (b or (c and d))) and not (a and b)
    program = [a, b, c, d, both, either, both, a, b, both, no, both]
    parts = split_conjuncts(program)
    assert [part.first for part in parts] == [0, 1, 4]
    assert parts[1].name == 'concept 1, concept 2, concept 3'
    assert [len(part.program) for part in parts] == [1, 5, 4]
    residuals = [torch.full((1, 1), float(i)) for i in range(1, 7)]
    energies = [float(part.residual(residuals).square().sum()) for part in parts]
    assert energies[0] == 1.0 and energies[2] == 0.0
    whole = run_program(reweighted(program, [1.0] * 6), residuals).square().sum()
    assert sum(energies) == pytest.approx(float(whole))


def test_a_weight_never_changes_when_not_holds(term):
    residual = [torch.tensor([[0.0], [0.2], [NOT_MARGIN], [1.0]])]
    for weight in (0.001, 1.0, 1000.0):
        program = [term(1, [True, False], [False, True], weight), Operator('not', 1)]
        energy = run_program(program, residual).square().sum(dim=-1)
        expected = weight * soft_not(residual[0]).square().sum(dim=-1)
        torch.testing.assert_close(energy, expected)
