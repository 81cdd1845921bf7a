"""The best place of one subject."""

import torch

from concept_control.energy.search.lowest_place import lowest_place


def _found(energy):
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        yield lowest_place(energy, torch.zeros(0, 2), generator)


def test_in_a_region_a_place_is_inside_rather_than_on_its_border():
    """A strip three cells wide, a place of which is nearly best: the search begins there."""
    nearly = torch.tensor([0.3, 0.06])

    def energy(places):
        beyond = places[:, 1].abs() > 0.07
        return 4.0 * beyond + 0.01 * (places - nearly).square().sum(dim=-1)

    assert all(abs(float(place[1])) < 0.05 for place in _found(energy))


def test_a_narrow_place_is_found_exactly():
    at = torch.tensor([0.413, -0.277])
    for place in _found(lambda places: 3000 * (places - at).square().sum(dim=-1)):
        assert float((place - at).norm()) < 5e-3
