"""The shipped model and codes of some of its words, inferred once; a small network on disk."""

import pytest
import torch

import concept_control as cc
from concept_control.concepts import vocabulary
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.networks.energy_network import DemonstrationEncoder, EnergyNetwork
from concept_control.energy.storage import save_model
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events


@pytest.fixture(scope='session')
def model():
    return cc.ConceptModel.load()


@pytest.fixture(scope='session')
def shipped_network():
    return cc.ConceptModel.load(energy='network')


@pytest.fixture(scope='session')
def codes(model):
    words = vocabulary()
    names = ('between', 'left_of', 'near', 'far', 'circle', *NAMED_COLORS)
    return {name: model.infer(words[name].demonstrations(seed=3)) for name in names}


@pytest.fixture(scope='session')
def network_model(small_config):
    """A network of random weights; its codes have 2 x 8 numbers."""
    torch.manual_seed(0)
    energy = NetworkEnergy(EnergyNetwork(small_config), DemonstrationEncoder(small_config))
    return cc.ConceptModel(energy, {'families': ['x']})


@pytest.fixture
def saved(network_model, tmp_path):
    energy = network_model.energy_function
    save_model(tmp_path, energy.network, energy.encoder, network_model.card)
    return network_model, tmp_path


@pytest.fixture
def events():
    def build(batch=3, count=4, seed=0):
        generator = torch.Generator().manual_seed(seed)
        masks = torch.rand((2, batch, count), generator=generator) > 0.5
        return Events(
            2 * torch.rand((batch, 2, count, 2), generator=generator) - 1,
            torch.rand((batch, count, 3), generator=generator),
            subjects=masks[0],
            attention=masks[1],
        )

    return build
