"""Lattices that things stand on."""

import torch

from concept_control.energy.agreement.lattice import Lattice
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events

SHOTS, N = 5, 7


def events(after):
    before = after.clone()
    before[:, 0] = after[:, 0].flip(0)
    return scene_batch_from_events(
        Events(torch.stack([before, after], dim=1), torch.rand(*after.shape[:2], 3))
    )


def test_a_board_is_a_lattice_and_chance_is_none():
    generator = torch.Generator().manual_seed(0)
    squares = (torch.randint(8, (SHOTS, N, 2), generator=generator) + 0.5) / 4 - 1
    lattice = Lattice.of(events(squares))
    assert lattice is not None
    lines = (torch.arange(8) + 0.5) / 4 - 1
    for found in lattice:
        torch.testing.assert_close(found, lines)
    near = squares + 0.1 * (torch.rand(squares.shape, generator=generator) - 0.5)
    torch.testing.assert_close(lattice.nearest(near), squares)
    anywhere = 2 * torch.rand(SHOTS, N, 2, generator=generator) - 1
    assert Lattice.of(events(anywhere)) is None
    # Whatever else stands on the table, and stays, is the same in all demonstrations.
    anywhere[1:, 1:] = anywhere[0, 1:]
    assert Lattice.of(events(anywhere)) is None


def test_many_places_are_no_lattice_although_each_is_close_to_the_next():
    anywhere = 2 * torch.rand(40, N, 2, generator=torch.Generator().manual_seed(1)) - 1
    assert Lattice.of(events(anywhere)) is None
