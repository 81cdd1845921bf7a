"""A small network, and scenes and codes for it."""

from dataclasses import replace

import pytest
import torch

from concept_control.energy.networks.energy_network import EnergyNetwork
from concept_control.energy.scene_batch import SceneBatch


@pytest.fixture
def make_scene():
    def build(batch=3, count=5, seed=0, dtype=torch.float64):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.rand(shape, generator=generator, dtype=dtype)

        roles = torch.randint(0, 3, (batch, count), generator=generator)
        roles[:, 0], roles[:, 1] = 0, 1
        return SceneBatch.flat(
            before=2 * draw(batch, count, 2) - 1,
            after=2 * draw(batch, count, 2) - 1,
            colors=draw(batch, count, 3),
            sides=0.1 + 0.1 * draw(batch, count, 1).expand(-1, -1, 2),
            present=torch.ones(batch, count, dtype=dtype),
            subjects=(roles == 0).to(dtype),
            attention=(roles == 1).to(dtype),
            motion=draw(batch, count, 3),
        )

    return build


@pytest.fixture
def make_network(small_config):
    def build(kind='pairwise', seed=0):
        torch.manual_seed(seed)
        return EnergyNetwork(replace(small_config, kind=kind)).double()

    return build


@pytest.fixture
def code():
    def build(batch=1, seed=1):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn((batch, 8), generator=generator, dtype=torch.float64)

    return build
