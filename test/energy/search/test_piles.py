"""What carries what: loads, free places, and the table where it does as well."""

import pytest
import torch

from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.piles import settle_pile, things_above
from concept_control.energy.search.walls import WALLS


def scene(*places, bottoms=(), sides=0.16):
    """Cubes of one size at places (N, 2)."""
    count = len(places)
    after, mask = torch.tensor([places]), torch.ones(1, count)
    lower = torch.tensor([[*bottoms, *[0.0] * (count - len(bottoms))]])
    size = torch.full((1, count), sides)
    flat = SceneBatch.flat(
        before=after,
        after=after,
        colors=torch.zeros(1, count, 3),
        sides=size.unsqueeze(-1).expand(-1, -1, 2),
        present=mask,
        subjects=mask,
        attention=mask,
        motion=torch.zeros(1, count, 3),
    )
    return flat._replace(bottoms_before=lower, bottoms=lower)


def mask(*things, count=3):
    return torch.isin(torch.arange(count), torch.tensor(things))


def settled(one, residual, *things):
    may_move = mask(*things, count=one.after.shape[1])
    may_move = may_move | things_above(one, may_move)
    return settle_pile(residual, one, may_move, WALLS, torch.Generator().manual_seed(0))


def on(thing, carrier):
    """The residual of "the one on the other"."""

    def residual(rows):
        gap = rows.bottoms[:, thing] - rows.tops[:, carrier]
        return torch.cat([gap[:, None], rows.after[:, thing] - rows.after[:, carrier]], dim=-1)

    return residual


def test_a_thing_is_put_on_another_and_what_lay_on_it_elsewhere():
    found, energy = settled(scene((-0.5, 0.0), (0.5, 0.0), (0.0, 0.6)), on(0, 1), 0)
    assert energy < 1e-6 and found.bottoms[0].tolist() == pytest.approx([0.16, 0, 0])
    torch.testing.assert_close(found.after[0, 0], torch.tensor([0.5, 0.0]))
    loaded = scene((-0.5, 0.0), (0.5, 0.0), (-0.5, 0.0), bottoms=(0, 0, 0.16))
    assert things_above(loaded, mask(0)).tolist() == [False, False, True]
    found, energy = settled(loaded, on(0, 1), 0)
    assert energy < 1e-6 and found.bottoms[0, 0] > 0.15
    # The load stands on the table again, or goes along on top: it never stays in the air.
    assert found.bottoms[0, 2] == 0 or found.after[0, 2].dist(found.after[0, 0]) < 0.08


def test_where_the_table_does_as_well_nothing_is_stacked():
    far = settled(
        scene((-0.1, 0.0), (0.5, 0.0), (0.0, 0.6)),
        lambda rows: 0.4 - (rows.after[:, 0] - rows.after[:, 1]).norm(dim=-1, keepdim=True),
        0,
    )
    assert far[1] < 1e-4 and not far[0].bottoms.any()


def test_nothing_rests_on_nothing():
    one = scene((-0.5, 0.0), (0.5, 0.0), (0.0, 0.6))
    _, energy = settled(one, lambda rows: rows.bottoms[:, :1] - 0.3, 0)
    # The nearest heights that carry are those of one and of two things.
    assert energy > 5e-4
    low = WALLS.residuals(
        one.after, one._replace(bottoms=torch.tensor([[0.3, 0, 0]])), torch.ones(1, 3)
    )
    assert low.square().sum() > 1
