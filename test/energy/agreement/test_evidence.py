"""The size principle, also with many demonstrations."""

import torch

from concept_control.energy.agreement.evidence import Background, Masses, log_evidence


def test_many_demonstrations_of_something_rare_do_not_overflow():
    rare = torch.tensor([1e-5, 0.5, 1.0])
    masses = Masses(rare, rare, rare, rare, torch.ones(3, dtype=torch.bool))
    for shots in (1, 2, 10, 100):
        evidence, shares = log_evidence(masses, torch.tensor([True, True, False]), shots)
        assert torch.isfinite(evidence).all()
        torch.testing.assert_close(shares.sum(dim=0), torch.ones(3))
        assert evidence[0] > evidence[1] > evidence[2], 'what is rarer says more'


def test_evidence_grows_with_demonstrations_by_the_size_principle():
    mass = torch.tensor([0.1])
    masses = Masses(mass, mass, mass, 0 * mass, torch.ones(1, dtype=torch.bool))
    found = [float(log_evidence(masses, torch.tensor([True]), m)[0]) for m in (5, 6, 7)]
    gains = torch.tensor(found).diff()
    assert ((gains > 1.9) & (gains < 2.4)).all(), 'about -log(mass) a demonstration'


def test_what_all_of_the_background_keeps_says_nothing():
    """Also where rounding leaves a rest: one value everywhere, and one that is never negative."""
    values = torch.stack([torch.full((1999,), 3.0), torch.linspace(0, 2, 1999)], dim=-1)
    background = Background(values, torch.full((1999,), 1 / 1999))
    shown = torch.tensor([3.0, 0.0])
    masses = background.masses(shown, shown, torch.tensor([True, True]))
    assert masses.one_sided[0] > 0.999 and masses.hull[0] > 0.999
    assert masses.sign[1] == 0
