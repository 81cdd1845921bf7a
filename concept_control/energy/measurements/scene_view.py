"""Points and lengths of scenes that measurements are made of, each computed when first asked for.

The subject is the mean of the entities that act; the attended are those of the meant that do not
act themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from concept_control.energy.scene_batch import SceneBatch

SMALL = 1e-8
"""Floor of a squared length, so that its root has a gradient [workspace units²]."""

TIE = 1e-5
"""Difference up to which values count as equal."""

_FAR = 1e3
_SHORTEST = 0.03
"""Span of a pair from which on ratios to it are limited [workspace units]."""

ORDERS = ('x', 'y', 'start', 'size', 'brightness', 'subject')
"""What the attended are ordered by: coordinates, distance to where the subject was, size,
brightness, and distance to the subject."""


ROBOT = (0.0, -1.0)
"""Where the robot stands: in the middle of the front edge."""

FRAMES = {'way': ('start', 'attended'), 'radial': ('table', 'attended'),
          'sight': ('robot', 'attended')}  # fmt: skip
"""Frames of a pair of anchors by name, beside those of the first and last in an order."""


def length_of(vectors: torch.Tensor) -> torch.Tensor:
    """Return the lengths (...) of vectors (..., 2), with a gradient at zero."""
    return (vectors.square().sum(dim=-1) + SMALL).sqrt()


def angle_of(vectors: torch.Tensor) -> torch.Tensor:
    """Return the angles (...) of vectors (..., 2) [rad], 0 for +x."""
    # Neither coordinate may be exactly zero: the angle has no gradient there.
    return torch.atan2(vectors[..., 1] + 1e-7, vectors[..., 0] + 1e-7)


def mean_under(values: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """Return the means (R, C) of values (R, N, C) under a gate (R, N); zero where it is empty."""
    total = (values * gate.unsqueeze(-1)).sum(dim=1)
    return total / gate.sum(dim=-1, keepdim=True).clamp(min=1e-6)


class PairFrame:
    """The frame of two points p and q: its axis leads from p to q, its origin is their middle.

    Args:
        place: (R, 2) point that is measured.
        first: (R, 2) p.
        second: (R, 2) q.
    """

    def __init__(self, place: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> None:
        span = second - first
        self.length = length_of(span)
        self.axis = span / self.length.unsqueeze(-1)
        self.span = self.length.clamp(min=_SHORTEST)
        offset = place - (first + second) / 2
        self.along = (offset * self.axis).sum(dim=-1)
        self.across = offset[:, 1] * self.axis[:, 0] - offset[:, 0] * self.axis[:, 1]
        self.to_first, self.to_second = place - first, place - second
        self.bearing = angle_of(torch.stack([self.along + self.length / 2, self.across], dim=-1))
        self.first_distance = length_of(self.to_first)
        self.second_distance = length_of(self.to_second)


class SceneView:
    """What measurements read of R scenes.

    Args:
        scene: R events.
        attention: (R, N) mask to use instead of the scene's.
    """

    def __init__(self, scene: SceneBatch, attention: torch.Tensor | None = None) -> None:
        self.scene = scene
        self.subjects = scene.subjects * scene.present
        self.meant = (scene.attention if attention is None else attention) * scene.present
        self.attended = self.meant * (1 - self.subjects)
        self.others = scene.present * (1 - self.subjects) * (1 - self.attended)
        self._known: dict[str, torch.Tensor] = {}
        self._frames: dict[str, PairFrame] = {}

    def once(self, name: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what `compute` gives, computed once under this name."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    @property
    def place(self) -> torch.Tensor:
        """(R, 2) where the subject is."""
        return self.once('place', lambda: mean_under(self.scene.after, self.subjects))

    @property
    def start(self) -> torch.Tensor:
        """(R, 2) where the subject was."""
        return self.once('start', lambda: mean_under(self.scene.before, self.subjects))

    @property
    def size(self) -> torch.Tensor:
        """(R, 2) sides of the subject."""
        return self.once('size', lambda: mean_under(self.scene.sides, self.subjects))

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

    def anchor(self, name: str) -> torch.Tensor:
        """Return the point (R, 2) of a name, see `anchor_names`."""
        return self.once(f'anchor {name}', lambda: self._anchor(name))

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
        return self._pick(self.scene.after, name)

    def anchor_size(self, name: str) -> torch.Tensor:
        """Return the sides (R, 2) of what stands at an anchor."""
        sides = self.scene.sides
        if name == 'attended':
            return self.once('attended size', lambda: mean_under(sides, self.attended))
        return self.once(f'size {name}', lambda: self._pick(sides, name))

    def _pick(self, values: torch.Tensor, name: str) -> torch.Tensor:
        """Return the means (R, C) of values (R, N, C) over the first or last in an order."""
        return mean_under(values, self._ends(name))

    def _ends(self, name: str) -> torch.Tensor:
        """Return the mask (R, N) of the first or last of the attended in an order.

        It is one entity, or several that tie: which of them is listed first means nothing. Those
        as far from the subject as one another are not taken together: a place between them would
        be another number than any beside it, and no energy led there.
        """

        def compute() -> torch.Tensor:
            end, order = name.split(' ')
            sign = 1.0 if end == 'first' else -1.0
            score = torch.where(self.attended > 0.5, sign * self._order(order), _FAR)
            if order == 'subject':
                return torch.zeros_like(score).scatter_(-1, score.argmin(-1, keepdim=True), 1.0)
            return (score <= score.amin(dim=-1, keepdim=True) + TIE).to(score)

        return self.once(f'ends {name}', compute)

    def _order(self, order: str) -> torch.Tensor:
        after = self.scene.after
        if order == 'x':
            return after[..., 0]
        if order == 'y':
            return after[..., 1]
        if order == 'start':
            return self.once('from start', lambda: length_of(after - self.start.unsqueeze(1)))
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

    def angle(self, name: str) -> torch.Tensor:
        """Return the directions (R,) of the subject seen from an anchor [rad], 0 for +x."""
        return self.once(f'angle {name}', lambda: angle_of(self.offset(name)))

    def reach(self, name: str) -> torch.Tensor:
        """Return half the sum of the sides (R, 2) of the subject and of an anchor's thing."""
        return self.once(f'reach {name}', lambda: (self.size + self.anchor_size(name)) / 2)

    def frame(self, name: str) -> PairFrame:
        """Return the frame of the first and last of the attended in an order, or of `FRAMES`."""
        if name not in self._frames:
            ends = FRAMES.get(name, (f'first {name}', f'last {name}'))
            self._frames[name] = PairFrame(self.place, *(self.anchor(end) for end in ends))
        return self._frames[name]

    def other_distance(self, nearest: bool) -> torch.Tensor:
        """Return the distances (R,) of the subject to the nearest or furthest of the others."""

        def compute() -> torch.Tensor:
            if nearest:
                return torch.where(self.others > 0.5, self.distances, 3.0).amin(dim=-1)
            return torch.where(self.others > 0.5, self.distances, 0.0).amax(dim=-1)

        return self.once(f'other {nearest}', compute)


def anchor_names() -> dict[str, str]:
    """Return the words for every anchor, by name."""
    firsts = {
        'x': ('leftmost', 'rightmost'),
        'y': ('lowest', 'highest'),
        'start': ('closest to where it was', 'furthest from where it was'),
        'size': ('smallest', 'largest'),
        'brightness': ('darkest', 'brightest'),
        'subject': ('closest', 'furthest'),
    }
    names = {
        'table': 'the middle of the table',
        'start': 'where it was',
        'attended': 'what is meant',
        'others': 'the middle of the others',
        'robot': 'the robot',
    }
    for order, ends in firsts.items():
        for end, word in zip(('first', 'last'), ends):
            names[f'{end} {order}'] = f'the {word} of what is meant'
    return names
