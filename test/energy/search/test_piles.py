"""What carries what: loads, free places, and the table where it does as well."""

import pytest
import torch

from concept_control.energy.scene_batch import SceneBatch, let_down
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


def test_one_thing_is_put_on_two_and_these_are_brought_together_for_it():
    def on_two(rows):
        apart = (rows.after[:, 1] - rows.after[:, 2]).abs().amax(dim=-1, keepdim=True)
        gaps = rows.bottoms[:, :1] - rows.tops[:, 1:3]
        middle = rows.after[:, 0] - rows.after[:, 1:3].mean(dim=1)
        return torch.cat([(apart - 0.27).clamp(min=0), gaps, middle, rows.bottoms[:, 1:3]], -1)

    apart = scene((0.0, 0.6), (-0.5, 0.0), (0.5, 0.0), (0.1, -0.6))
    found, energy = settled(apart, on_two, 0, 1, 2)
    assert energy < 1e-5 and found.bottoms[0].tolist() == pytest.approx([0.16, 0, 0, 0])
    gap = (found.after[0, 1] - found.after[0, 2]).abs().amax() - 0.16
    assert 0.04 < gap < 0.12 and found.after[0, 3].tolist() == apart.after[0, 3].tolist()
    # It falls where only one of them carries it and its middle is beside that, or beyond both.
    for off in (0.0, 0.06, 0.2):
        places = found.after.clone()
        places[0, 0] += off * (places[0, 1] - places[0, 2]).sign()
        tips = WALLS.residuals(places, found._replace(after=places), torch.ones(1, 4))
        assert bool(tips.square().sum() < 1e-6) == (off < 0.1)
    dropped = let_down(found._replace(bottoms=found.bottoms + 1), torch.tensor([[1.0, 0, 0, 0]]))
    assert dropped.bottoms[0, 0] == found.bottoms[0, 1] + 1.16


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


@pytest.mark.parametrize(('apart', 'is_carried'), [((0.22, 0.0), True), ((0.22, 0.2), False)])
def test_two_carry_a_third_however_they_are_turned(apart, is_carried):
    x, y = apart
    pile = scene((0.0, 0.0), (x / 2, y / 2), (-x / 2, -y / 2), bottoms=(0.16,))
    tips = WALLS.residuals(pile.after, pile, torch.ones(1, 3))
    assert bool(tips.square().sum() < 1e-6) == is_carried
