"""Points and lengths of scenes that measurements are made of, each computed when first asked for.

The subject is the mean of the entities that act; the attended are those of the meant that do not
act themselves. What is measured of several points, or of several pairs of them, is computed of all
at once: `Offsets` and `PairFrames`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, wraps

import torch

from concept_control.energy.measurements.groups import GROUPS, THINGS, members
from concept_control.energy.scene_batch import SceneBatch

SMALL = 1e-8
"""Floor of a squared length, so that its root has a gradient [workspace units²]."""

TIE = 1e-5
"""Difference up to which values count as equal."""

_FAR = 1e3
_TIED = 1e-3
"""Length of a pair up to which its ends are one point [workspace units]."""

_SHORTEST = 0.03
"""Span of a pair from which on ratios to it are limited [workspace units]."""

ORDERS = ('x', 'y', 'start', 'size', 'brightness', 'subject', 'middle', 'robot')
"""What things are ordered by: coordinates, distance to where the subject was, size, brightness,
and distances to the subject, to the middle of the table and to the robot."""

POINTS = {'middle': 'table', 'robot': 'robot', 'start': 'start'}
"""Anchors by the orders by the distance to them."""

ENDS = ('first', 'last')
"""Ends of an order."""

ROBOT = (0.0, -1.0)
"""Where the robot stands: in the middle of the front edge."""

FRAMES = {'way': ('start', 'attended'), 'radial': ('table', 'attended'),
          'sight': ('robot', 'attended'), 'home': ('table', 'start'), 'reach': ('robot', 'start'),
          'edge': ('attended', 'edge attended'), 'own edge': ('start', 'edge start'),
          'own neighbour': ('start', 'first other start'),
          'queue': ('robot', 'last other robot'),
          'neighbours': ('first other subject', 'second other subject')}  # fmt: skip
"""Frames of a pair of anchors by name, beside those of the first and last in an order."""

OTHER = 'other '
"""What the names of orders of all things but the subject begin with, those meant included."""


def length_of(vectors: torch.Tensor) -> torch.Tensor:
    """Return the lengths (...) of vectors (..., 2), with a gradient at zero."""
    return (vectors.square().sum(dim=-1) + SMALL).sqrt()


def mean_under(values: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """Return the means (R, C) of values (R, N, C) under a gate (R, N); zero where it is empty."""
    total = (values * gate.unsqueeze(-1)).sum(dim=1)
    return total / gate.sum(dim=-1, keepdim=True).clamp(min=1e-6)


def once(compute: Callable[[SceneView], torch.Tensor]) -> Callable[[SceneView], torch.Tensor]:
    """Decorate a function of a view that is to be computed once for each."""
    name = f'{compute.__module__} {compute.__qualname__}'
    return wraps(compute)(lambda view: view.once(name, lambda: compute(view)))


class SceneView:
    """What measurements read of R scenes.

    Args:
        scene: R events.
        attention: (R, N) mask to use instead of the scene's.
        elsewhere: View of the same scenes with the subject elsewhere, and the number (R,) of each
            in it: what does not depend on where the subject is, is taken from there.
    """

    def __init__(
        self,
        scene: SceneBatch,
        attention: torch.Tensor | None = None,
        elsewhere: tuple[SceneView, torch.Tensor] | None = None,
    ) -> None:
        self.scene, self._elsewhere = scene, elsewhere
        self.subjects = scene.subjects * scene.present
        self.meant = (scene.attention if attention is None else attention) * scene.present
        self.attended = self.meant * (1 - self.subjects)
        self.others = scene.present * (1 - self.subjects) * (1 - self.attended)
        self.things = self.others + self.attended
        self._known: dict[str, torch.Tensor] = {}

    def once(self, name: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what `compute` gives, computed once under this name."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    def fixed(self, name: str, compute: Callable[[SceneView], torch.Tensor]) -> torch.Tensor:
        """Return what `compute` gives of a view: the same wherever the subject is."""
        if self._elsewhere is None:
            return self.once(name, lambda: compute(self))
        view, rows = self._elsewhere
        return self.once(name, lambda: view.fixed(name, compute)[rows])

    @property
    def place(self) -> torch.Tensor:
        """(R, 2) where the subject is."""
        return self.once('place', lambda: mean_under(self.scene.after, self.subjects))

    @property
    def xy(self) -> torch.Tensor:
        """(2, 1, R) where the subject is, x and y apart."""
        return self.once('xy', lambda: self.place.T.unsqueeze(1).contiguous())

    @property
    def start(self) -> torch.Tensor:
        """(R, 2) where the subject was."""
        return self.fixed('start', lambda v: mean_under(v.scene.before, v.subjects))

    @property
    def size(self) -> torch.Tensor:
        """(R, 2) sides of the subject."""
        return self.fixed('size', lambda v: mean_under(v.scene.sides, v.subjects))

    @property
    def count(self) -> torch.Tensor:
        """(R,) number of the attended."""
        return self.once('count', lambda: self.attended.sum(dim=-1))

    @property
    def distances(self) -> torch.Tensor:
        """(R, N) distances of all entities to the subject."""
        return self.once(
            'distances', lambda: length_of(self.scene.after - self.place.unsqueeze(1))
        )

    def away(self, name: str) -> torch.Tensor:
        """Return the distances (R, N) of all entities to an anchor that does not move with it."""
        return self.fixed(
            f'away {name}', lambda v: length_of(v.scene.after - v.anchor(name).unsqueeze(1))
        )

    def nearest(self, number: int) -> torch.Tensor:
        """Return the distances (R,) of the subject to the nearest, second nearest, ... thing.

        They are 3 where there are not so many.
        """

        def compute() -> torch.Tensor:
            away = torch.where(self.things > 0.5, self.distances, 3.0)
            return torch.nn.functional.pad(away, (0, 3), value=3.0).sort(dim=-1).values

        return self.once('nearest things', compute)[:, number - 1]

    def anchor(self, name: str) -> torch.Tensor:
        """Return the point (R, 2) of a name, see `anchor_names`."""
        if name.endswith(' subject'):  # whoever is closest to where it is
            return self.once(f'anchor {name}', lambda: self._anchor(name))
        return self.fixed(f'anchor {name}', lambda view: view._anchor(name))

    def _anchor(self, name: str) -> torch.Tensor:
        if name == 'table':
            return torch.zeros_like(self.place)
        if name == 'robot':
            return self.place.new_tensor(ROBOT).expand_as(self.place)
        if name == 'start':
            return self.start
        if name == 'attended':
            return mean_under(self.scene.after, self.attended)
        if name == 'others':
            return mean_under(self.scene.after, self.others)
        if name == 'balance':
            areas = self.scene.sides.prod(dim=-1)
            return mean_under(self.scene.after, areas * self.attended)
        kind, _, rest = name.partition(' ')
        if kind == 'all':
            return mean_under(self.scene.after, self.group(rest))
        if kind == 'edge':
            return _nearest_edge(self.anchor(rest))
        return mean_under(self.scene.after, self._ends(kind, rest))

    def group(self, name: str) -> torch.Tensor:
        """Return the mask (R, N) of a group of the things around, see `GROUPS` of `groups`."""
        if name == THINGS:
            return self.things
        return self.fixed(
            f'group {name}', lambda v: members(name, v.scene, v.subjects, v.things).to(v.things)
        )

    def points(self, names: Sequence[str]) -> torch.Tensor:
        """Return x and y (2, A, R) of several anchors."""
        return torch.stack([self.anchor(name).T for name in names], dim=1)

    @property
    def attended_size(self) -> torch.Tensor:
        """(R, 2) mean sides of the attended."""
        return self.fixed('attended size', lambda v: mean_under(v.scene.sides, v.attended))

    @property
    def larger_size(self) -> torch.Tensor:
        """(R,) size of the subject or of the attended, whichever is larger."""

        def compute(view: SceneView) -> torch.Tensor:
            return torch.maximum(view.size, view.attended_size).mean(dim=-1).clamp(min=1e-3)

        return self.fixed('larger size', compute)

    def _ends(self, end: str, order: str) -> torch.Tensor:
        """Return the mask (R, N) of the first, second or last in an order.

        It is one entity, or several that tie: which of them is listed first means nothing. Those
        as far from the subject as one another are not taken together: a place between them would
        be another number than any beside it, and no energy led there.
        """
        among = self.things if order.startswith(OTHER) else self.attended
        order = order.removeprefix(OTHER)
        sign = -1.0 if end == 'last' else 1.0
        score = torch.where(among > 0.5, sign * self._order(order), _FAR)
        if end == 'second':
            second = min(1, score.shape[-1] - 1)
            chosen = score.argsort(dim=-1)[:, second : second + 1]
            return torch.zeros_like(score).scatter_(-1, chosen, 1.0)
        if order == 'subject':
            # Of two as far away as one another, one is the first and the other the last.
            chosen = score.argmin(-1, keepdim=True)
            if end == 'last':
                chosen = score.shape[-1] - 1 - score.flip(-1).argmin(-1, keepdim=True)
            return torch.zeros_like(score).scatter_(-1, chosen, 1.0)
        return (score <= score.amin(dim=-1, keepdim=True) + TIE).to(score)

    def _order(self, order: str) -> torch.Tensor:
        after = self.scene.after
        if order == 'x':
            return after[..., 0]
        if order == 'y':
            return after[..., 1]
        if order in POINTS:
            return self.away(POINTS[order])
        if order == 'size':
            return self.scene.sizes
        if order == 'brightness':
            return self.scene.colors.amax(dim=-1)
        return self.distances

    def offset(self, name: str) -> torch.Tensor:
        """Return the vectors (R, 2) from an anchor to the subject."""
        return self.once(f'offset {name}', lambda: self.place - self.anchor(name))

    def distance(self, name: str) -> torch.Tensor:
        """Return the distances (R,) of the subject to an anchor."""
        return self.once(f'distance {name}', lambda: length_of(self.offset(name)))

    @property
    def reach(self) -> torch.Tensor:
        """(R, 2) half the sum of the sides of the subject and of the attended."""
        return self.fixed('reach', lambda view: (view.size + view.attended_size) / 2)

    def other_distance(self, nearest: bool) -> torch.Tensor:
        """Return the distances (R,) of the subject to the nearest or furthest of the others."""

        def compute() -> torch.Tensor:
            if nearest:
                return torch.where(self.others > 0.5, self.distances, 3.0).amin(dim=-1)
            return torch.where(self.others > 0.5, self.distances, 0.0).amax(dim=-1)

        return self.once(f'other {nearest}', compute)


class Offsets:
    """Vectors from A anchors to the subject of R scenes.

    Args:
        view: View of the scenes.
        names: Names of the anchors.

    Attributes:
        x: (A, R) coordinates in x.
        y: (A, R) coordinates in y.
        size: (2, R) sides of the subject.
    """

    def __init__(self, view: SceneView, names: Sequence[str]) -> None:
        self.x, self.y = view.xy - view.points(names)
        self.size = view.size.T

    @cached_property
    def distance(self) -> torch.Tensor:
        """(A, R) lengths."""
        return _length(self.x, self.y)

    @cached_property
    def angle(self) -> torch.Tensor:
        """(A, R) directions [rad], 0 for +x."""
        return _angle(self.x, self.y)


class EndOffsets(Offsets):
    """Those from anchors of which less is measured than of others."""


class PairFrames:
    """Frames of F pairs of points p and q in R scenes: axes lead from p to q, their middle is 0.

    Args:
        view: View of the scenes.
        names: Names of the frames: of `FRAMES`, or of an order of the attended.
    """

    def __init__(self, view: SceneView, names: Sequence[str]) -> None:
        ends = [FRAMES.get(name, (f'first {name}', f'last {name}')) for name in names]
        first, second = (view.points(each) for each in zip(*ends))
        span = second - first
        self.length = _length(*span)
        self.axis = span / self.length
        self.span = self.length.clamp(min=_SHORTEST)
        self.along, self.across = self.seen(view.xy - (first + second) / 2)
        # Where all attended tie, in size say, both ends are their middle: nothing is seen from
        # such a pair, or all demonstrations agreed on what is the same for no pair.
        by_place = [name in FRAMES or name.endswith('subject') for name in names]
        apart = (self.length > _TIED) | self.length.new_tensor(by_place).bool().unsqueeze(-1)
        self.to_first, self.to_second = (view.xy - first) * apart, (view.xy - second) * apart
        self.first_distance, self.second_distance = (
            _length(*self.to_first),
            _length(*self.to_second),
        )
        self.moved = (view.place - view.start).T.unsqueeze(1)

    @cached_property
    def bearing(self) -> torch.Tensor:
        """(F, R) directions of the subject, seen from p [rad], 0 for that of q."""
        return _angle(self.along + self.length / 2, self.across)

    def seen(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the components (F, R) along and across the axes of x and y (2, F or 1, R)."""
        x, y = vectors
        along, across = self.axis
        return x * along + y * across, y * along - x * across


def _nearest_edge(places: torch.Tensor) -> torch.Tensor:
    """Return the points (R, 2) of the table's edge that are nearest to places (R, 2)."""
    away = places.abs()
    is_nearer = away >= away.flip(-1)
    return torch.where(is_nearer, places.sign(), places)


def _length(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x.square() + y.square() + SMALL).sqrt()


def _angle(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    # Neither coordinate may be exactly zero: the angle has no gradient there.
    return torch.atan2(y + 1e-7, x + 1e-7)


def anchor_names() -> dict[str, str]:
    """Return the words for every anchor, by name."""
    firsts = {
        'x': ('leftmost', 'rightmost'),
        'y': ('lowest', 'highest'),
        'start': ('closest to where it was', 'furthest from where it was'),
        'size': ('smallest', 'largest'),
        'brightness': ('darkest', 'brightest'),
        'subject': ('closest', 'furthest'),
        'middle': ('closest to the middle of the table', 'furthest from the middle of the table'),
        'robot': ('closest to the robot', 'furthest from the robot'),
    }
    names = {
        'balance': 'where what is meant would balance',
        'table': 'the middle of the table',
        'start': 'where it was',
        'attended': 'what is meant',
        'others': 'the middle of the others',
        'robot': 'the robot',
    }
    for order, ends in firsts.items():
        for end, word in zip(('first', 'last'), ends):
            names[f'{end} {order}'] = f'the {word} of what is meant'
            names[f'{end} {OTHER}{order}'] = f'the {word} of all others'
    for group, words in GROUPS.items():
        names[f'all {group}'] = f'the middle of {words}'
    return names
