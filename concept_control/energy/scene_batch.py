"""Batches of events as the plain tensors that the networks read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from concept_control.world.entity import TABLE_NOISE, TOUCHING
from concept_control.world.events import Events

NUM_MOTION_FEATURES = 3
"""Number of motion features: excess path, mean time, onset, see `motion_features`."""

_LEFT = 0.05
"""Distance from its first place from which on an entity has set off [workspace units]."""


VERTICAL = ('bottoms_before', 'bottoms', 'heights', 'rims')
"""The fields of a `SceneBatch` that its `flat` leaves out, its last ones."""


class SceneBatch(NamedTuple):
    """Tensors of a batch of events, all of one floating dtype.

    Attributes:
        before: (B, N, 2) first positions, workspace units.
        after: (B, N, 2) last positions, workspace units.
        colors: (B, N, 3) RGB in [0, 1].
        sides: (B, N, 2) side lengths in x and y, workspace units.
        present: (B, N) 1 for an entity, 0 for padding.
        subjects: (B, N) in [0, 1], entities that act.
        attention: (B, N) in [0, 1], entities that are meant.
        motion: (B, N, 3) features of the states in between, see `motion_features`.
        bottoms_before: (B, N) heights of the lower faces in the first state, workspace units.
        bottoms: (B, N) heights of the lower faces in the last state, 0 for the table.
        heights: (B, N) vertical side lengths, workspace units.
        rims: (B, N) thickness of the walls and of the floor of open boxes, 0 for what is solid.
    """

    before: torch.Tensor
    after: torch.Tensor
    colors: torch.Tensor
    sides: torch.Tensor
    present: torch.Tensor
    subjects: torch.Tensor
    attention: torch.Tensor
    motion: torch.Tensor
    bottoms_before: torch.Tensor
    bottoms: torch.Tensor
    heights: torch.Tensor
    rims: torch.Tensor

    @classmethod
    def flat(cls, *values: torch.Tensor, **named: torch.Tensor) -> SceneBatch:
        """Return events of cubes on the table from all that is not vertical, `before` first."""
        given = dict(zip(cls._fields, values)) | named
        table, heights = torch.zeros_like(given['present']), given['sides'].mean(dim=-1)
        return cls(**given, bottoms_before=table, bottoms=table, heights=heights, rims=table)

    @property
    def tops(self) -> torch.Tensor:
        """(B, N) heights of the upper faces in the last state, workspace units."""
        return self.bottoms + self.heights

    @property
    def has_open_boxes(self) -> bool:
        """Whether there is anything that things can be put into."""
        return bool((self.rims > 0).any())

    @property
    def is_stacked(self) -> bool:
        """Whether anything is off the table before or after."""
        return bool((self.bottoms_before > 0).any() or (self.bottoms > 0).any())

    @property
    def shifts(self) -> torch.Tensor:
        """(B, N) distances of the first and the last state, up and down too, workspace units."""
        raised = (self.bottoms - self.bottoms_before).unsqueeze(-1)
        return torch.cat([self.after - self.before, raised], dim=-1).norm(dim=-1)

    @property
    def sizes(self) -> torch.Tensor:
        """(B, N) mean side lengths, workspace units."""
        return self.sides.mean(dim=-1)

    @property
    def num_events(self) -> int:
        """B, the number of events."""
        return self.after.shape[0]

    def select(self, index: torch.Tensor | slice) -> SceneBatch:
        """Return the events that an index (rows or a slice) picks."""
        return SceneBatch(*(value[index] for value in self))

    def split(self, size: int) -> Iterator[SceneBatch]:
        """Yield the events, so many at a time."""
        for first in range(0, self.num_events, size):
            yield self.select(slice(first, first + size))

    def repeat(self, count: int) -> SceneBatch:
        """Return a batch with each event `count` times in a row."""
        # Of a single event these are views.
        return SceneBatch(
            *(v.unsqueeze(1).expand(-1, count, *v.shape[1:]).flatten(0, 1) for v in self)
        )

    @staticmethod
    def concatenate(batches: Sequence[SceneBatch]) -> SceneBatch:
        """Join batches of equal N."""
        return SceneBatch(*(torch.cat(values) for values in zip(*batches, strict=True)))

    def to(self, target: torch.device | torch.dtype | str) -> SceneBatch:
        """Return the batch on another device or in another dtype."""
        return SceneBatch(*(value.to(target) for value in self))


def floors(bottoms: torch.Tensor, rims: torch.Tensor) -> torch.Tensor:
    """Return how high things in open boxes stand; on a floor on the table they count as on it."""
    inner = bottoms + rims
    return torch.where(inner > TABLE_NOISE, inner, 0.0)


def wall_gaps(scene: SceneBatch, growth: float = 1.0) -> torch.Tensor:
    """Return the least gap (B, N, N) of the first thing to the walls of the open box around it.

    It is negative where it would stand in a wall, and -2 for what is no open box.

    Args:
        scene: B scenes.
        growth: Factor on the side of the first thing, 0 for its middle.
    """
    opening = (scene.sides - 2 * scene.rims.unsqueeze(-1)).unsqueeze(-3)
    apart = (scene.after.unsqueeze(-2) - scene.after.unsqueeze(-3)).abs()
    gap = ((opening - growth * scene.sides.unsqueeze(-2)) / 2 - apart).amin(dim=-1)
    return torch.where(scene.rims.unsqueeze(-2) > 0, gap, -2.0)


def below_rim(scene: SceneBatch) -> torch.Tensor:
    """Return (B, N, N) whether the lower face of the first is between the faces of the second."""
    lower = scene.bottoms.unsqueeze(-1)
    below = lower < (scene.tops - TOUCHING).unsqueeze(-2)
    here = _both_present(scene)
    other = ~torch.eye(here.shape[-1], dtype=torch.bool, device=here.device)
    return (lower >= scene.bottoms.unsqueeze(-2)) & below & here & other


def _both_present(scene: SceneBatch) -> torch.Tensor:
    return (scene.present.unsqueeze(-1) * scene.present.unsqueeze(-2)) > 0.5


def faces_meet(scene: SceneBatch) -> torch.Tensor:
    """Return (B, N, N) whether the first thing begins at the height at which the second carries.

    That is its upper face, or the floor of an open box under what fits between the walls.
    """
    openings = scene.sides - 2 * scene.rims.unsqueeze(-1)
    fits = (scene.sides.unsqueeze(-2) <= openings.unsqueeze(-3)).all(dim=-1)
    sinks = (wall_gaps(scene, 0.0) > 0) & fits
    floor = floors(scene.bottoms, scene.rims).unsqueeze(-2)
    gap = scene.bottoms.unsqueeze(-1) - torch.where(sinks, floor, scene.tops.unsqueeze(-2))
    # On equal heights of the lower faces nothing carries, however flat the things are.
    is_higher = scene.bottoms.unsqueeze(-1) > scene.bottoms.unsqueeze(-2)
    return (gap.abs() < TOUCHING) & _both_present(scene) & (is_higher | sinks)


def rests_on(scene: SceneBatch) -> torch.Tensor:
    """Return (B, N, N) whether the first thing rests on the second in the last state."""
    reach = (scene.sides.unsqueeze(-2) + scene.sides.unsqueeze(-3)) / 2
    apart = (scene.after.unsqueeze(-2) - scene.after.unsqueeze(-3)).abs()
    return faces_meet(scene) & (apart < reach).all(dim=-1)


_SEEN_FROM = math.pi / 8 * torch.arange(16)


def outside_span(points: torch.Tensor, scene: SceneBatch, carriers: torch.Tensor,
                 inside: float = 1.0) -> torch.Tensor:  # fmt: skip
    """Return how far (B, M) points are outside the area that the faces of carriers span.

    Infinite where nothing carries; the area's hull is looked at from 16 directions.

    Args:
        points: (B, M, 2) places.
        scene: B scenes.
        carriers: (B, M, N) bool, things that carry what is at each point.
        inside: Share of each carrier's face, about its middle, that counts.
    """
    ways = torch.stack([_SEEN_FROM.cos(), _SEEN_FROM.sin()]).to(points)
    reach = scene.after @ ways + inside * scene.sides / 2 @ ways.abs()
    furthest = torch.where(carriers.unsqueeze(-1), reach.unsqueeze(1), -torch.inf).amax(dim=2)
    return torch.relu((points @ ways - furthest).amax(dim=-1))


def let_down(scene: SceneBatch, mask: torch.Tensor) -> SceneBatch:
    """Return the scenes with things of a mask (B, N) let down where they are, the lowest first.

    Each comes to rest on the highest it meets, if its middle is over what these span, else on the
    highest thing under its middle, or on the table.
    """
    falling = mask * scene.present > 0.5
    is_there = (scene.present > 0.5) & ~falling
    bottoms, order = scene.bottoms, scene.bottoms.argsort(dim=-1, stable=True)
    for index in order.split(1, dim=1):
        place, side = (
            values.gather(1, index.unsqueeze(-1).expand(-1, -1, 2))
            for values in (scene.after, scene.sides)
        )
        away, tops = (scene.after - place).abs(), bottoms + scene.heights
        room = (scene.sides - side) / 2 - scene.rims.unsqueeze(-1) - away
        goes_in = (scene.rims > 0) & (room >= 0).all(dim=-1)
        tops = torch.where(goes_in, floors(bottoms, scene.rims), tops)
        meets = (away < (scene.sides + side) / 2).all(dim=-1) & is_there
        under = (away < scene.sides / 2).all(dim=-1) & is_there
        highest = torch.where(meets, tops, 0.0).amax(dim=-1, keepdim=True)
        carriers = meets & (tops > highest - TOUCHING)
        is_held = outside_span(place, scene, carriers.unsqueeze(1)) <= 0
        carried = torch.where(under, tops, 0.0).amax(dim=-1, keepdim=True)
        carried = torch.where(is_held, highest, carried)
        falls = falling.gather(1, index)
        own = torch.where(falls, carried, bottoms.gather(1, index))
        bottoms = bottoms.scatter(1, index, own)
        is_there = is_there | (torch.zeros_like(is_there).scatter(1, index, True) & falling)
    return scene._replace(bottoms=bottoms)


NAT = 0.01
"""Energy of one nat of implausibility: as much as a place 0.1 away."""

BoundResiduals = Callable[[SceneBatch], list[torch.Tensor]]
"""B scenes, their own masks ignored, to the residuals (B, K) of each of M terms."""


def hide_members(scene: SceneBatch) -> SceneBatch:
    """Return the scenes without subjects where those are attended: they give the answer away."""
    member = (scene.subjects * scene.attention).sum(dim=-1, keepdim=True) > 0
    return scene._replace(subjects=scene.subjects * (~member).to(scene.subjects))


def grounded(scene: SceneBatch, subjects: torch.Tensor, attention: torch.Tensor) -> SceneBatch:
    """Return B scenes with the masks of a term, (N,) or (B, N) each."""
    subjects = subjects.to(scene.after).expand(scene.num_events, -1)
    # For a term, what is not its subject has always stood where it is, even if another term or
    # somebody else has moved it.
    gate = subjects.unsqueeze(-1)
    return scene._replace(
        before=scene.before * gate + scene.after * (1 - gate),
        bottoms_before=scene.bottoms_before * subjects + scene.bottoms * (1 - subjects),
        subjects=subjects,
        attention=attention.to(scene.after).expand(scene.num_events, -1),
    )


def scene_batch_from_events(events: Events, dtype: torch.dtype = torch.float32) -> SceneBatch:
    """Return the tensors of `events` that the networks read."""
    return SceneBatch(
        before=events.positions[:, 0],
        after=events.positions[:, -1],
        colors=events.colors,
        sides=events.sides,
        present=events.present,
        subjects=events.subjects,
        attention=events.attention,
        motion=motion_features(events.positions),
        bottoms_before=events.bottoms[:, 0],
        bottoms=events.bottoms[:, -1],
        heights=events.heights,
        rims=events.rims,
    ).to(dtype)


def settled(events: Events) -> Events:
    """Return events of T = 2 whose subjects come to rest where they end, see `let_down`.

    Where nothing is off the table, nothing can: then the events are as they were.
    """
    if not events.is_stacked:
        return events
    scene = scene_batch_from_events(events)
    return events.with_outcome(scene.after, let_down(scene, scene.subjects).bottoms)


def sides_of(sizes: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return the sides (B, N, 2) of sizes (B, N) or (B, N, 2) of things at places (B, N, 2)."""
    # Without a branch on the number of dimensions, so that a recording takes both.
    return sizes.reshape(*places.shape[:2], -1).expand(-1, -1, places.shape[-1])


def motion_features(positions: torch.Tensor) -> torch.Tensor:
    """Summarise the motion of each entity between its first and its last state.

    Args:
        positions: (B, T, N, 2) workspace units.

    Returns:
        (B, N, 3): length of the path beyond the straight displacement; mean time of the motion (-1
        in the first step, 1 in the last), fading to 0 for an entity that stayed; time at which it
        set off, 2 for never. Zeros for T < 3, where the two end states determine the motion.
    """
    steps = positions.shape[1]
    if steps < 3:
        return positions.new_zeros(*positions.shape[:1], positions.shape[2], NUM_MOTION_FEATURES)
    lengths = (positions[:, 1:] - positions[:, :-1]).norm(dim=-1)
    path = lengths.sum(dim=1)
    straight = (positions[:, -1] - positions[:, 0]).norm(dim=-1)
    times = torch.linspace(-1.0, 1.0, steps - 1, device=positions.device, dtype=positions.dtype)
    mean_time = (lengths * times[None, :, None]).sum(dim=1) / (path + 0.02)
    away = (positions[:, 1:] - positions[:, :1]).norm(dim=-1) > _LEFT
    onset = torch.where(away, times[None, :, None], 2.0).amin(dim=1)
    return torch.stack([path - straight, mean_time, onset], dim=-1)
