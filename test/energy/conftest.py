"""The shipped model and codes of some of its words, inferred once; a small model on disk."""

import pytest
import torch

import concept_control as cc
from concept_control.concepts import vocabulary
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import EnergyNetwork
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events


@pytest.fixture(scope='session')
def model():
    return cc.ConceptModel.load()


@pytest.fixture(scope='session')
def codes(model):
    words = vocabulary()
    names = ('between', 'left_of', 'near', 'far', *NAMED_COLORS)
    return {name: model.infer(words[name].demonstrations(seed=3)) for name in names}


@pytest.fixture
def saved(small_config, tmp_path):
    torch.manual_seed(0)
    network, encoder = EnergyNetwork(small_config), DemonstrationEncoder(small_config)
    model = cc.ConceptModel(network, encoder, {'families': ['x']})
    model.save(tmp_path)
    return model, tmp_path


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
