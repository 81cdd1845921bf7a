"""Programs of random codes over six entities, and a model with random weights."""

import numpy as np
import pytest
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.networks.energy_network import (
    DemonstrationEncoder,
    EnergyNetwork,
    NetworkConfig,
)

N = 6
FIRST = np.arange(N) == 0
PAIR = (np.arange(N) == 1) | (np.arange(N) == 2)
FIFTH = np.arange(N) == 4


def build_term(seed, subjects, attention, weight=1.0):
    generator = torch.Generator().manual_seed(seed)
    halves = torch.randn((2, 32), generator=generator)
    masks = (torch.as_tensor(subjects), torch.as_tensor(attention))
    return GroundedTerm(f'concept {seed}', ConceptCode(*halves), *masks, weight)


PROGRAMS = {
    'one': [build_term(1, FIRST, PAIR)],
    'no argument': [build_term(1, FIRST, FIRST & False)],
    'and': [build_term(1, FIRST, PAIR, 0.5), build_term(2, FIRST, FIFTH), Operator('and', 2)],
    'or': [build_term(1, FIRST, PAIR), build_term(2, FIRST, FIFTH), Operator('or', 2)],
    'nested': [
        build_term(1, FIRST, PAIR),
        build_term(2, FIRST, FIFTH),
        Operator('or', 2),
        build_term(3, FIRST | PAIR, FIRST | PAIR, 0.3),
        Operator('not', 1),
        Operator('and', 2),
    ],
}


@pytest.fixture(scope='package')
def random_model():
    torch.manual_seed(0)
    config = NetworkConfig(encoder_width=32)
    return ConceptModel(NetworkEnergy(EnergyNetwork(config), DemonstrationEncoder(config)))


@pytest.fixture
def term():
    return build_term


@pytest.fixture
def programs():
    return PROGRAMS
