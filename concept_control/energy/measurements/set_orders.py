"""Measurements of a set in order: gaps, and how looks go, from one of the meant to the next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from concept_control.energy.measurements.geometry import least, most
from concept_control.energy.measurements.groups import ALIKE, tones_of
from concept_control.energy.measurements.measurement import (
    EVERYTHING,
    MIRROR,
    RATIO,
    SHIFT,
    Measurement,
    of_set,
)
from concept_control.energy.measurements.scene_view import TIE, SceneView, length_of, once
from concept_control.energy.measurements.set_points import (
    AROUND,
    FAR,
    in_order,
    order_key,
    pairs,
    steps,
)

LOOKS = 'set looks'
"""Topic of what looks tell, which moves nothing but says which stands where."""

_ORDERS = {'x': 'from left to right', 'y': 'upward', 'line': 'along their line',
           AROUND: 'around their middle'}  # fmt: skip
_KEEPS = {'x': frozenset({SHIFT}), 'y': frozenset({SHIFT, MIRROR}), 'robot': frozenset({MIRROR})}
_LOOKS = ('size', 'brightness')
_SORTED = ('x', 'y', 'outward', 'robot', 'line')
_ALIKE = {'colour': ALIKE, 'size': 0.02}
"""Largest difference of what counts as alike."""


def order_measurements() -> Iterator[Measurement]:
    """Yield what is measured of a set in its orders."""
    for order, words in _ORDERS.items():
        keeps, way = _KEEPS.get(order, EVERYTHING), f'from one to the next {words}'
        fewest = 3 if order == AROUND else 2
        for end in ('smallest', 'largest'):
            make = partial(of_set, keeps=keeps, cost=1.0)
            yield make('shape', f'{end} gap {order}', f'{{}} as the {end} step {way}',
                       partial(_step, order, 1, 'gap', end), fewest, False)  # fmt: skip
            yield make('shape', f'{end} free {order}', f'{{}} free as the {end} gap {way}',
                       partial(_step, order, 1, 'free', end), fewest, True)  # fmt: skip
            for look in _LOOKS:
                yield make(LOOKS, f'{end} {look} step {order}', f'{look} growing by {{}} as the '
                           f'{end} step {way}', partial(_step, order, 1, look, end), fewest,
                           True)  # fmt: skip
            for lag, ahead in ((1, 'next'), (2, 'next but one')):
                yield make(LOOKS, f'{end} colour step {lag} {order}', f'colours that differ by '
                           f'{{}} as the {end} step from one to the {ahead} {words}',
                           partial(_step, order, lag, 'colour', end), fewest + lag - 1, False,
                           RATIO)  # fmt: skip
            yield make(LOOKS, f'{end} size step 2 {order}', f'size growing by {{}} as the {end} '
                       f'step from one to the next but one {words}',
                       partial(_step, order, 2, 'size', end), fewest + 1, True)  # fmt: skip
        if order != AROUND:
            yield from _ends_of(order, words, keeps)
    yield from _sideways()
    yield from _sorted()
    yield from _extremes()
    yield from _groups()


def _sideways() -> Iterator[Measurement]:
    names = {'x': ('leftmost', 'rightmost', 'higher', 'lower'),
             'y': ('lowest', 'highest', 'further right', 'further left')}  # fmt: skip
    for order, (first, last, more, less) in names.items():
        which = {'smallest': 'the smallest step', 'largest': 'the largest step',
                 'first': f'from the {first} to the next', 'last': f'to the {last}'}  # fmt: skip
        make = partial(of_set, 'shape', is_signed=True, keeps=frozenset({SHIFT}), cost=1.0)
        for end, words in which.items():
            yield make(f'{end} sideways {order}', f'{{}} {more} as {words} {_ORDERS[order]}',
                       partial(_step, order, 1, 'sideways', end), 2,
                       opposite=f'{{}} {less} as {words} {_ORDERS[order]}')  # fmt: skip
        for end, words in (('higher', 'both ends'), ('lower', 'one of the ends')):
            yield make(f'middle sideways {end} {order}', f'the middle one {{}} {more} than '
                       f'{words} {_ORDERS[order]}', partial(_middle, order, 'sideways', end), 3,
                       opposite=f'the middle one {{}} {less} than {words} '
                       f'{_ORDERS[order]}')  # fmt: skip


def _ends_of(order: str, words: str, keeps: frozenset[str]) -> Iterator[Measurement]:
    make = partial(of_set, LOOKS, keeps=keeps, cost=1.0)
    for look in _LOOKS:
        for end, ends in (('higher', 'either end'), ('lower', 'one of the ends')):
            yield make(f'middle {look} {end} {order}', f'the middle one by {{}} of {look} above '
                       f'{ends} {words}', partial(_middle, order, look, end), 3, True)  # fmt: skip
    yield make(f'ends colour {order}', f'both ends of colours that differ by {{}} {words}',
               partial(_ends_colour, order), 3, False, RATIO)  # fmt: skip


def _sorted() -> Iterator[Measurement]:
    ways = (
        'to the right',
        'upward',
        'outward',
        'away from the robot',
        'from one end to the other',
    )
    for look in _LOOKS:
        for order, words in zip(_SORTED, ways):
            yield of_set(LOOKS, f'unsorted {look} {order}', f'{{}} of all pairs not in order of '
                         f'{look} {words}', partial(_unsorted, look, order), 3, True, RATIO,
                         _KEEPS.get(order, EVERYTHING), 1.0)  # fmt: skip


def _extremes() -> Iterator[Measurement]:
    ways = ('further left', 'lower', 'closer to their middle', 'closer to the robot')
    for extreme in _EXTREMES:
        for order, words in zip(_SORTED, ways):
            yield of_set(LOOKS, f'{extreme} {order}', f'{{}} of the others {words} than the '
                         f'{extreme}', partial(_before_extreme, extreme, order), 2, True, RATIO,
                         _KEEPS.get(order, EVERYTHING), 1.0)  # fmt: skip


def _groups() -> Iterator[Measurement]:
    for look in _ALIKE:
        words = (
            ('furthest alike', f'at most {{}} between two alike in {look}', False),
            ('closest unlike', f'at least {{}} between two unlike in {look}', False),
            ('closest alike', f'at least {{}} between two alike in {look}', False),
            ('groups', f'those unlike in {look} {{}} further apart than those alike', True),
        )
        for row, (name, phrase, is_signed) in enumerate(words):
            yield of_set(LOOKS, f'{name} {look}', phrase, partial(_alike, look, row), 3,
                         is_signed, cost=1.0)  # fmt: skip


def _look(view: SceneView, look: str) -> torch.Tensor:
    return view.scene.sizes if look == 'size' else view.scene.colors.amax(dim=-1)


def _changes(order: str, lag: int, view: SceneView) -> torch.Tensor:
    """Return whether there are steps of an order, and what changes in each: (1 + C, R, N)."""
    here, there, gate = steps(view, order, lag)
    x, y = (_change(each, here, there) for each in view.scene.after.unbind(dim=-1))
    gap = {'x': x, 'y': y, AROUND: length_of(torch.stack([x, y], dim=-1))}.get(order)
    if gap is None:
        gap = _change(order_key(view, order), here, there)
    sizes = view.scene.sizes
    free = gap - (sizes.gather(-1, here) + sizes.gather(-1, there)) / 2
    looks = [_change(_look(view, look), here, there) for look in _LOOKS]
    if order not in _KEEPS:
        # From either end, or around, no way is the forward one.
        looks = [look.abs() for look in looks]
    tones = tones_of(view.scene.colors)
    seen = [tones.gather(1, i.unsqueeze(-1).expand(-1, -1, 4)) for i in (here, there)]
    return torch.stack([gate, gap, free, y if order == 'x' else x, *looks,
                        length_of(seen[1] - seen[0])])  # fmt: skip


_STEPS = ('smallest', 'largest', 'first', 'last')
_CHANGES = ('gap', 'free', 'sideways', *_LOOKS, 'colour')
"""What is told of each step, see `_changes`."""


def _change(values: torch.Tensor, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    return values.gather(-1, there) - values.gather(-1, here)


def _step(order: str, lag: int, of: str, which: str, view: SceneView) -> torch.Tensor:
    """Return the smallest, largest, first or last (R,) of what changes from one to the next."""

    def compute() -> torch.Tensor:
        found = _changes(order, lag, view)
        gate, changes = found[0], found[1:]
        last = (gate.sum(dim=-1, keepdim=True) - 1).clamp(min=0.0).long()
        ends = torch.cat([0 * last, last], dim=-1).expand(len(changes), -1, -1)
        first, second = (changes.gather(-1, ends) * gate[:, :1]).unbind(dim=-1)
        return torch.stack([least(changes, gate), most(changes, gate), first, second])

    found = view.once(f'steps {order} {lag}', compute)
    return found[_STEPS.index(which), _CHANGES.index(of)]


def _slots(view: SceneView, order: str) -> torch.Tensor:
    """Return the numbers (R, 4) of the first, the last and the two middle ones of an order."""
    last = (view.meant.sum(dim=-1, keepdim=True) - 1).clamp(min=0.0)
    slots = torch.cat([0 * last, last, (last / 2).floor(), (last / 2).ceil()], dim=-1)
    return in_order(view, order).gather(-1, slots.long())


def _middle(order: str, of: str, end: str, view: SceneView) -> torch.Tensor:
    """Return by how much (R,) the middle one of an order exceeds the higher or lower end."""

    def compute() -> torch.Tensor:
        slots = _slots(view, order)
        sideways = view.scene.after[..., int(order == 'x')]
        values = torch.stack([sideways, *(_look(view, look) for look in _LOOKS)])
        values = values.gather(-1, slots.expand(len(values), -1, -1))
        ends, middle = values[..., :2], values[..., 2:].mean(dim=-1)
        return torch.stack([middle - ends.amax(dim=-1), middle - ends.amin(dim=-1)])

    found = view.once(f'middle {order}', compute)
    return found[('higher', 'lower').index(end), ('sideways', *_LOOKS).index(of)]


def _ends_colour(order: str, view: SceneView) -> torch.Tensor:
    index = _slots(view, order)[:, :2].unsqueeze(-1).expand(-1, -1, 4)
    first, last = tones_of(view.scene.colors).gather(1, index).unbind(dim=1)
    return length_of(last - first)


def _unsorted(look: str, order: str, view: SceneView) -> torch.Tensor:
    """Return the shares (R,) of pairs of the set whose order in place is not that of a look."""
    found = _shares_unsorted(view)[_LOOKS.index(look)]
    if order != 'line':
        return found[_SORTED.index(order)]
    return found[-2:].amin(dim=0)


@once
def _shares_unsorted(view: SceneView) -> torch.Tensor:
    """Return the shares (L, 6, R) by looks and orders, the last both ways along the line."""
    looks = torch.stack([_look(view, look) for look in _LOOKS])
    place = torch.stack([order_key(view, order) for order in _SORTED])
    both = view.meant.unsqueeze(-1) * view.meant.unsqueeze(-2)
    more = (looks.unsqueeze(-1) > looks.unsqueeze(-2) + 1e-4) * both
    before = (place.unsqueeze(-1) < place.unsqueeze(-2)).to(both)
    # By orders after looks, as products of matrices.
    wrong = torch.einsum('lrij,orij->lor', more, before)
    back = more.sum(dim=(2, 3)) - wrong[:, -1]
    count = view.meant.sum(dim=-1)
    pairs = (count * (count - 1) / 2).clamp(min=1.0)
    return torch.cat([wrong, back.unsqueeze(1)], dim=1) / pairs


_EXTREMES = ('smallest', 'largest', 'darkest', 'brightest')


def _before_extreme(extreme: str, order: str, view: SceneView) -> torch.Tensor:
    """Return the share (R,) of the others that come before the extreme one in an order."""
    return _before_extremes(view)[_EXTREMES.index(extreme), _SORTED.index(order)]


@once
def _before_extremes(view: SceneView) -> torch.Tensor:
    """Return the shares (4, O, R) by extremes and orders; the means of those that tie."""
    looks = torch.stack([sign * _look(view, look) for look in _LOOKS for sign in (1.0, -1.0)])
    lowest = least(looks, view.meant).unsqueeze(-1)
    is_extreme = (looks <= lowest + TIE).to(looks) * view.meant
    place = torch.stack([order_key(view, order) for order in _SORTED])
    before = (place.unsqueeze(-1) < place.unsqueeze(-2)).to(looks) * view.meant.unsqueeze(-1)
    number = before.sum(dim=-2) / (view.meant.sum(dim=-1, keepdim=True) - 1).clamp(min=1.0)
    total = torch.einsum('ern,orn->eor', is_extreme, number)
    return total / is_extreme.sum(dim=-1).clamp(min=1.0).unsqueeze(1)


def _alike(look: str, row: int, view: SceneView) -> torch.Tensor:
    """Return one of the distances (R,) between those that are alike in a look, or unlike."""

    def compute() -> torch.Tensor:
        first, second, apart, gate = pairs(view)
        seen = tones_of(view.scene.colors) if look == 'colour' else view.scene.sizes.unsqueeze(-1)
        like = (length_of(seen[:, first] - seen[:, second]) < _ALIKE[look]).to(gate) * gate
        furthest, closest = most(apart, like), least(apart, gate - like, FAR)
        return torch.stack([furthest, closest, least(apart, like, FAR), closest - furthest])

    return view.once(f'alike {look}', compute)[row]
