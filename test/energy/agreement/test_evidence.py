"""The size principle, also with many demonstrations."""

import torch

from concept_control.energy.agreement.evidence import Masses, log_evidence


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
