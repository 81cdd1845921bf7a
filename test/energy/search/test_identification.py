"""Searches for masks on energies whose minima are known."""

import torch

from concept_control.energy.search.identification import lowest_masks


def hamming(truth):
    return lambda masks: (masks - truth.unsqueeze(1)).abs().sum(dim=-1)


def test_enumeration_finds_the_mask_and_never_attends_to_padding():
    truth = torch.tensor([[1.0, 0, 1, 0, 0], [0.0, 1, 0, 0, 0]])
    present = torch.tensor([[1.0, 1, 1, 1, 1], [1.0, 1, 1, 0, 0]])
    generator = torch.Generator().manual_seed(0)
    masks, energies = lowest_masks(hamming(truth), present, generator)
    assert torch.equal(masks, truth)
    assert energies.tolist() == [0, 0]
    assert (masks * (1 - present)).sum() == 0


def test_greedy_search_finds_the_mask_in_large_scenes():
    generator = torch.Generator().manual_seed(0)
    truth = (torch.rand((3, 14), generator=generator) > 0.6).float()
    masks, energies = lowest_masks(hamming(truth), torch.ones(3, 14), generator)
    assert torch.equal(masks, truth)
    assert (energies == 0).all()
