"""The search for bounds that demonstrations agree on."""

import torch

from concept_control.energy.agreement.bounds import KEPT, NEXT
from concept_control.energy.agreement.conjunction import BoundSearch
from concept_control.energy.agreement.usual_bounds import UsualBounds

_ROWS = 2000


def _search(values, background, **options):
    number = background.shape[1]
    return BoundSearch(
        values,
        background,
        torch.full((len(background),), 1 / len(background)),
        torch.full((number,), -4.0),
        torch.zeros(number, dtype=torch.bool),
        torch.ones(number, dtype=torch.bool),
        **options,
    )


def test_of_wide_bounds_many_unlikely_readings_are_told_where_nothing_is_certain():
    """A place in nearly all that was shown is likelier right than one in the likeliest reading."""
    generator = torch.Generator().manual_seed(0)
    background = torch.rand(_ROWS, 300, generator=generator)
    values = 0.8 * torch.rand(5, 300, generator=generator)
    bounds, _, _ = _search(values, background).run()
    next_readings = bounds.weight[bounds.kind[bounds.clause] == NEXT]
    assert len(next_readings) > 150 and 0.95 < float(next_readings.sum()) <= 1.0


def test_that_a_count_is_always_the_same_is_no_narrow_interval_among_others():
    background = torch.arange(_ROWS, dtype=torch.float).remainder(6).unsqueeze(-1)
    values, counts = torch.ones(5, 1), torch.tensor([True])
    plain = _search(values, background).odds
    (found, *_), (lower, upper) = _kept(_search(values, background, is_count=counts))
    assert found > plain + 2
    assert lower == upper == 0.0  # neither side is open
    others = torch.tensor([[1.0], [2.0], [1.0], [2.0], [1.0]])
    assert torch.equal(
        _search(others, background).odds, _search(others, background, is_count=counts).odds
    )


def test_usual_bounds_that_are_about_as_likely_are_kept_together():
    background = torch.rand(_ROWS, 2, generator=torch.Generator().manual_seed(0))
    values = 0.15 * torch.rand(5, 2, generator=torch.Generator().manual_seed(1))

    def usual(odds):
        zero, number = torch.zeros(len(odds)), len(odds)
        ends = {'lower': zero, 'upper': zero + 0.2, 'side': zero - 1}
        return UsualBounds(torch.zeros(number, dtype=torch.long), **ends, odds=torch.tensor(odds))

    alone, *_ = _search(values, background, usual=usual([2.0])).run()
    # Usual bounds have the numbers after the two measurements.
    assert int(alone.kind[0]) == KEPT and int(alone.index[0]) == 2
    rivals, *_ = _search(values, background, usual=usual([2.0, 1.5, -9.0])).run()
    is_kept = rivals.kind[rivals.clause] == KEPT
    assert rivals.index[is_kept].tolist() == [2, 3] and not rivals.clause[is_kept].any()
    weights = rivals.weight[is_kept]
    assert torch.allclose(weights, torch.tensor([2.0, 1.5]).softmax(dim=0), atol=1e-3)


def test_that_what_is_shown_is_possible_is_no_news():
    generator = torch.Generator().manual_seed(0)
    background = torch.rand(_ROWS, 2, generator=generator)
    values = 0.2 * torch.rand(5, 2, generator=generator)
    # Nothing possible has a first value beyond those that were shown.
    is_possible = (background[:, 0] < 0.2).float()
    all_news = _search(values, background)
    one_news = _search(values, background, is_possible=is_possible)
    assert all_news.log_evidence.min() > 3
    assert one_news.log_evidence[0] < 0 and one_news.log_evidence[1] > 3


class _CloseToRow:
    """A background that is drawn anew close to the row of a thing in the middle."""

    is_possible = None

    def draw(self, gate, spread):
        generator = torch.Generator().manual_seed(1)
        self.places = 2 * torch.rand(_ROWS, 2, generator=generator) - 1
        self.places[:, 1] *= spread

    def values(self, columns=(0, 1)):
        return _across_and_direction(self.places)[:, list(columns)]


def _across_and_direction(places):
    x, y = places.unbind(dim=-1)
    return torch.stack([y, torch.atan2(y, x)], dim=-1)


def test_a_row_that_was_shown_on_one_side_only_may_be_meant_on_either():
    generator = torch.Generator().manual_seed(0)
    background = _across_and_direction(2 * torch.rand(_ROWS, 2, generator=generator) - 1)
    shown = torch.tensor([[0.3, 0.001], [0.5, -0.001], [0.6, 0.0], [0.7, 0.001], [0.9, 0.0]])

    def said(**options):
        search = _search(_across_and_direction(shown), background, **options)
        search.prior -= torch.tensor([0.0, 1.0])  # a side is meant more seldom than a row
        search.score()
        bounds, *_ = search.run(most_tight=2, resampling=_CloseToRow())
        kinds = bounds.kind[bounds.clause].tolist()
        return list(zip(bounds.index.tolist(), kinds)), float(search.odds[1])

    (first, *_), _ = said()
    assert first == (1, KEPT)
    both, odds = said(is_direction=torch.tensor([False, True]))
    assert both == [(0, KEPT), (1, NEXT)] and odds < 1


def _kept(search):
    odds = search.odds.clone()
    search.keep(0)
    bounds = search.bounds([(0, 0, 1.0)], [(0.9, 1.0, KEPT)])
    return odds, (bounds.open_lower.round().item(), bounds.open_upper.round().item())
