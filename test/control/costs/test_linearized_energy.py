"""An energy read from its last linearisation, and where it is asked itself."""

import numpy as np
import pytest

from concept_control.control.costs.linearized_energy import LinearizedEnergy

RADIUS = 0.003


class Bowl:
    """The squared distances from two points, as residuals that bend."""

    def __init__(self):
        self.calls = 0

    def residual(self, xy):
        self.calls += 1
        return self._squares(xy)

    def linearize(self, xy):
        return self._squares(xy), np.stack([2 * (xy - p) for p in (0.1, -0.2)], axis=-2)

    def _squares(self, xy):
        return np.stack([((xy - p) ** 2).sum(axis=-1) for p in (0.1, -0.2)], axis=-1)


@pytest.fixture
def places():
    return np.random.default_rng(0).uniform(-0.3, 0.3, (26, 2))


def test_near_its_linearisation_the_energy_is_not_asked_again(places):
    bowl = Bowl()
    energy = LinearizedEnergy(bowl)
    energy.linearize(places)
    near = places + RADIUS / 2 * np.array([0.6, -0.8])
    error = np.abs(energy.residual(near) - bowl.residual(near)).max()
    assert bowl.calls == 1
    assert 0 < error <= RADIUS**2


def test_anywhere_else_it_is(places):
    bowl = Bowl()
    energy = LinearizedEnergy(bowl)
    one_further = places.copy()
    one_further[7] += 1.01 * RADIUS * np.array([0.6, -0.8])
    for asked in (places, one_further, places[:5], np.tile(places, (3, 1))):
        np.testing.assert_array_equal(energy.residual(asked), Bowl().residual(asked))
        energy.linearize(places)
    assert bowl.calls == 4


def test_what_was_linearised_is_kept_though_the_caller_goes_on(places):
    energy = LinearizedEnergy(Bowl())
    energy.linearize(places)
    expected = Bowl().residual(places + 1.0)
    places += 1.0
    np.testing.assert_array_equal(energy.residual(places), expected)
