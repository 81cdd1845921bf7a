"""Events: what N entities did over T time steps, and which of them a concept is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from concept_control.errors import EventError
from concept_control.world.entity import TABLE_NOISE

DEFAULT_SIZE = 0.16
"""Side length of an entity whose size is not given, in workspace units."""

POSITION_LIMIT = 4.0
"""Positions beyond this (the workspace is [-1, 1]) are taken for a unit mistake."""

_ROUNDED = 1e-5
"""Relative difference of sizes that is none."""

ArrayLike = torch.Tensor | np.ndarray | Sequence


@dataclass(frozen=True, init=False)
class Events:
    """A batch of B events over N entities and T >= 1 time steps.

    Attributes:
        positions: (B, T, N, 2) workspace units, the workspace being [-1, 1]²; `positions[:, 0]`
            is the state before, `positions[:, -1]` the state after; T = 1 is a static scene.
        colors: (B, N, 3) RGB in [0, 1].
        sizes: (B, N) mean side lengths in workspace units; `DEFAULT_SIZE` where not given.
        sides: (B, N, 2) side lengths in x and in y; all equal `sizes` for squares.
        heights: (B, N) vertical side lengths; `sizes` where not given.
        bottoms: (B, T, N) heights of the lower faces above the table, 0 for what stands on it.
        rims: (B, N) thickness of the walls and of the floor of open boxes, 0 for what is solid.
        has_heights: Whether positions had a z; without, everything stands on the table.
        present: (B, N) bool, False for padding.
        subjects: (B, N) bool, the entities the concept acts on (they may move), or the marker.
        attention: (B, N) float in [0, 1], the entities the concept is about.
        has_attention: Whether `attention` was given; an identification scene has none.

    Squares are given by `sizes` (B, N), rectangles by `sizes` (B, N, 2): their sides in x and y.
    Positions (B, T, N, 3) are the centres of bodies, z up and 0 the table, and become `positions`
    and `bottoms`; then `sizes` are those of cubes (B, N), or all three sides (B, N, 3).

    Raises:
        EventError: if a shape, a dtype or a value is not as above; the text says which.
    """

    positions: torch.Tensor
    colors: torch.Tensor
    sizes: torch.Tensor
    sides: torch.Tensor
    present: torch.Tensor
    subjects: torch.Tensor
    attention: torch.Tensor
    heights: torch.Tensor
    bottoms: torch.Tensor
    rims: torch.Tensor
    has_attention: bool
    has_heights: bool

    def __init__(
        self,
        positions: ArrayLike,
        colors: ArrayLike,
        sizes: ArrayLike | None = None,
        present: ArrayLike | None = None,
        subjects: ArrayLike | None = None,
        attention: ArrayLike | None = None,
        has_attention: bool | None = None,
        sides: ArrayLike | None = None,
        heights: ArrayLike | None = None,
        bottoms: ArrayLike | None = None,
        has_heights: bool | None = None,
        rims: ArrayLike | None = None,
    ) -> None:
        positions = _expect_scenes(_as_float('positions', positions))
        device, mask_shape = positions.device, (positions.shape[0], positions.shape[2])
        colors = _expect('colors', _as_float('colors', colors), (*mask_shape, 3)).to(device)
        sizes, heights = _split_sizes(sizes, heights, mask_shape, positions.shape[-1])
        given_sides = sides
        found = _sizes_and_sides(sizes, sides, mask_shape)
        sizes, sides = (each.to(device) for each in found)
        heights = _heights(heights, sizes, given_sides, mask_shape).to(device)
        is_solid = positions.shape[-1] == 3 or bottoms is not None
        positions, bottoms = _split_positions(positions, heights, bottoms)
        rims = _rims(rims, sides, heights)
        present = _mask('present', present, mask_shape, True).to(device)
        subjects = _mask('subjects', subjects, mask_shape, False).to(device)
        given = attention is not None if has_attention is None else has_attention
        attention = torch.zeros(mask_shape) if attention is None else attention
        attention = _expect('attention', _as_float('attention', attention), mask_shape).to(device)

        _check_present(positions, bottoms, colors, sides, heights, attention, present)
        # Padding is zeroed so that what stands in it can never be seen, not even as NaN.
        positions = torch.where(present[:, None, :, None], positions, 0.0)
        colors = torch.where(present[..., None], colors, 0.0)
        sizes = torch.where(present, sizes, DEFAULT_SIZE)
        sides = torch.where(present[..., None], sides, DEFAULT_SIZE)
        heights = torch.where(present, heights, DEFAULT_SIZE)
        is_raised = present.unsqueeze(1) & (bottoms > TABLE_NOISE)
        for name, value in (
            ('positions', positions),
            ('colors', colors),
            ('sizes', sizes),
            ('sides', sides),
            ('present', present),
            ('subjects', subjects & present),
            ('attention', torch.where(present, attention, 0.0)),
            ('heights', heights),
            ('bottoms', torch.where(is_raised, bottoms, 0.0)),
            ('rims', torch.where(present, rims, 0.0)),
            ('has_attention', given),
            ('has_heights', is_solid if has_heights is None else has_heights),
        ):
            object.__setattr__(self, name, value)

    @property
    def num_events(self) -> int:
        """B, the number of events in the batch."""
        return self.positions.shape[0]

    @property
    def num_steps(self) -> int:
        """T, the number of time steps."""
        return self.positions.shape[1]

    @property
    def num_entities(self) -> int:
        """N, the number of entity slots, padding included."""
        return self.positions.shape[2]

    @property
    def device(self) -> torch.device:
        """The device all tensors are on."""
        return self.positions.device

    @property
    def is_stacked(self) -> bool:
        """Whether anything is ever off the table."""
        return bool((self.bottoms > 0).any())

    @property
    def has_open_boxes(self) -> bool:
        """Whether there is anything that things can be put into."""
        return bool((self.rims > 0).any())

    @property
    def centers(self) -> torch.Tensor:
        """(B, T, N, 3) centres of the bodies, z up and 0 the table."""
        z = self.bottoms + self.heights.unsqueeze(1) / 2
        return torch.cat([self.positions, z.unsqueeze(-1)], dim=-1)

    def __len__(self) -> int:
        return self.num_events

    def __getitem__(self, index: int | slice | torch.Tensor | Sequence[int]) -> Events:
        """Select events along the batch; an int keeps a batch of one."""
        if isinstance(index, int):
            index = range(len(self))[index]
            index = slice(index, index + 1)
        return self._chosen(**{name: value[index] for name, value in self._tensors().items()})

    def to(self, device: str | torch.device) -> Events:
        """Return the events with all tensors on `device`."""
        return self._chosen(**{name: value.to(device) for name, value in self._tensors().items()})

    def before(self) -> Events:
        """Return the scenes as they were before: T = 1."""
        return self._chosen(positions=self.positions[:, :1], bottoms=self.bottoms[:, :1])

    def with_outcome(self, positions: torch.Tensor, bottoms: torch.Tensor | None = None) -> Events:
        """Return events of T = 2: the first state of these, then another.

        Args:
            positions: (B, N, 2) places in the last state.
            bottoms: (B, N) heights of the lower faces there; None: as in the first state.
        """
        first = self.bottoms[:, 0]
        return self._with(
            positions=torch.stack([self.positions[:, 0], positions], dim=1),
            bottoms=torch.stack([first, first if bottoms is None else bottoms], dim=1),
            has_heights=self.has_heights or bottoms is not None,
        )

    def without_attention(self) -> Events:
        """Return the events with the attention forgotten, as `identify` takes them."""
        return self._chosen(attention=torch.zeros_like(self.attention), has_attention=False)

    def repeat(self, count: int) -> Events:
        """Return each event `count` times in a row: (B * count, ...)."""
        return self._chosen(
            **{k: v.repeat_interleave(count, dim=0) for k, v in self._tensors().items()}
        )

    def pad(self, num_entities: int) -> Events:
        """Return the events with absent entities appended up to `num_entities` slots."""
        extra = num_entities - self.num_entities
        if extra < 0:
            raise EventError(
                f'cannot pad {self.num_entities} entities to {num_entities}; expected at least '
                f'{self.num_entities}'
            )
        padding = torch.nn.functional.pad
        return self._with(
            positions=padding(self.positions, (0, 0, 0, extra)),
            colors=padding(self.colors, (0, 0, 0, extra)),
            sides=padding(self.sides, (0, 0, 0, extra)),
            **{
                name: padding(getattr(self, name), (0, extra))
                for name in self._tensors()
                if name not in ('positions', 'colors', 'sides')
            },
        )

    @staticmethod
    def concatenate(batches: Sequence[Events]) -> Events:
        """Join batches of equal T along B; fewer entities are padded to the largest N.

        Raises:
            EventError: if T differs, or some have no z while in others things are stacked.
        """
        if not batches:
            raise EventError('nothing to concatenate; expected at least one batch of events')
        steps = {events.num_steps for events in batches}
        if len(steps) > 1:
            raise EventError(f'cannot join events of different T: {sorted(steps)}')
        solid = [events.has_heights for events in batches]
        if not all(solid) and any(events.is_stacked for events in batches):
            raise EventError(
                f'batch {solid.index(False) + 1} has positions without z, while in another one '
                'things are stacked; give all positions as (B, T, N, 3), or all as (B, T, N, 2)'
            )
        width = max(events.num_entities for events in batches)
        padded = [events.pad(width)._tensors() for events in batches]
        return Events(
            **{name: torch.cat([tensors[name] for tensors in padded]) for name in padded[0]},
            has_attention=all(events.has_attention for events in batches),
            has_heights=all(solid),
        )

    def _with(self, **changes: Any) -> Events:
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return Events(**{**kept, **changes})

    def _chosen(self, **changes: Any) -> Events:
        """Return events of values of these, which need no second check."""
        chosen = object.__new__(Events)
        for field in fields(self):
            value = changes.get(field.name, getattr(self, field.name))
            object.__setattr__(chosen, field.name, value)
        _expect_scenes(chosen.positions)
        return chosen

    def _tensors(self) -> dict[str, torch.Tensor]:
        names = [f.name for f in fields(self) if not f.name.startswith('has_')]
        return {name: getattr(self, name) for name in names}


def _as_float(name: str, value: ArrayLike | None) -> torch.Tensor:
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EventError(
            f'{name} cannot be read as an array of numbers (got {type(value).__name__}): {error}'
        ) from error
    if tensor.is_complex():
        raise EventError(f'{name} are complex; expected real numbers')
    return tensor.to(torch.float32)


def _check_present(
    positions: torch.Tensor,
    bottoms: torch.Tensor,
    colors: torch.Tensor,
    sides: torch.Tensor,
    heights: torch.Tensor,
    attention: torch.Tensor,
    present: torch.Tensor,
) -> None:
    """Check that there is something in every event, and the numbers of what there is."""
    far, positive = POSITION_LIMIT, 'workspace units, > 0'
    above = 'heights above the table, whose z is 0'
    at = ... if present.all() else present
    _check_values('positions', positions.transpose(1, 2)[at], -far, far, 'workspace units')
    _check_values('colors', colors[at], 0.0, 1.0, 'RGB in [0, 1]')
    _check_values('sizes', sides[at], 1e-6, far, positive)
    _check_values('heights', heights[at], 1e-6, far, positive)
    _check_values('lower faces', bottoms.transpose(1, 2)[at], -TABLE_NOISE, far, above)
    _check_values('attention', attention[at], 0.0, 1.0, 'a mask in [0, 1]')
    if not present.any(dim=-1).all():
        row = int((~present.any(dim=-1)).nonzero()[0])
        raise EventError(f'event {row} has no entity present; expected at least one')


def _split_positions(
    positions: torch.Tensor, heights: torch.Tensor, bottoms: ArrayLike | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return places (B, T, N, 2) and the heights (B, T, N) of the lower faces."""
    if positions.shape[-1] == 3:
        return positions[..., :2], positions[..., 2] - heights.unsqueeze(1) / 2
    if bottoms is None:
        return positions, torch.zeros_like(positions[..., 0])
    found = _expect('bottoms', _as_float('bottoms', bottoms), tuple(positions.shape[:-1]))
    return positions, found.to(positions.device)


def _heights(
    heights: ArrayLike | None,
    sizes: torch.Tensor,
    sides: ArrayLike | None,
    shape: tuple[int, int],
) -> torch.Tensor:
    """Return vertical sides (B, N), scaled where sizes scale the `sides` that are given."""
    if heights is None:
        return sizes
    found = _expect('heights', _as_float('heights', heights), shape)
    if sides is None:
        return found
    factor = sizes.cpu() / _as_float('sides', sides).cpu().mean(dim=-1)
    is_other = (factor - 1).abs() > _ROUNDED
    return torch.where(is_other, found.cpu() * factor, found.cpu()).to(found.device)


def _rims(rims: ArrayLike | None, sides: torch.Tensor, heights: torch.Tensor) -> torch.Tensor:
    """Return the thickness (B, N) of walls, which must leave room between them."""
    if rims is None:
        return torch.zeros_like(heights)
    found = _expect('rims', _as_float('rims', rims), tuple(heights.shape)).to(heights.device)
    thickest = torch.minimum(sides.amin(dim=-1) / 2, heights)
    if not ((found == 0) | (found > 0) & (found < thickest)).all():
        raise EventError(
            f'rims contain {found.min():g} to {found.max():g}; expected how thick the walls and '
            'the floor of open boxes are, with room between them, and 0 for what is solid'
        )
    return found


def _split_sizes(
    sizes: ArrayLike | None, heights: ArrayLike | None, shape: tuple[int, int], dimensions: int
) -> tuple[ArrayLike | None, ArrayLike | None]:
    """Return what sizes say of the sides in x and y, and of the vertical ones."""
    if sizes is None:
        return sizes, heights
    given = _as_float('sizes', sizes)
    if tuple(given.shape) == (*shape, 3) and dimensions == 3:
        return given[..., :2], given[..., 2]
    if given.ndim == len(shape) + 1 and given.shape[-1] == 5 - dimensions:
        raise EventError(
            f'positions have {dimensions} coordinates and sizes {given.shape[-1]} sides; give '
            'both with z, (B, T, N, 3) and (B, N, 3), or both without'
        )
    return given, heights


def _sizes_and_sides(
    sizes: ArrayLike | None, sides: ArrayLike | None, shape: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sizes (B, N) and sides (B, N, 2); sizes (B, N) scale sides that are given."""
    given = torch.full(shape, DEFAULT_SIZE) if sizes is None else _as_float('sizes', sizes)
    if tuple(given.shape) not in (shape, (*shape, 2)):
        raise EventError(
            f'sizes have shape {tuple(given.shape)}; expected {shape}, or {(*shape, 2)} for the '
            'sides of rectangles in x and y'
        )
    if given.ndim == len(shape) + 1:
        return given.mean(dim=-1), given
    if sides is None:
        return given, given.unsqueeze(-1).expand(-1, -1, 2)
    found = _expect('sides', _as_float('sides', sides), (*shape, 2)).to(given.device)
    return given, found * (given / found.mean(dim=-1)).unsqueeze(-1)


def _expect_scenes(positions: torch.Tensor) -> torch.Tensor:
    if positions.ndim != 4 or positions.shape[-1] not in (2, 3) or 0 in positions.shape:
        raise EventError(
            f'positions have shape {tuple(positions.shape)}; expected (B, T, N, 2), or '
            '(B, T, N, 3) with z, with B, T, N >= 1: B is 1 for a single event'
        )
    return positions


def _expect(name: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    if tuple(tensor.shape) != shape:
        raise EventError(f'{name} have shape {tuple(tensor.shape)}; expected {shape}')
    return tensor


def _mask(
    name: str, value: ArrayLike | None, shape: tuple[int, ...], default: bool
) -> torch.Tensor:
    if value is None:
        return torch.full(shape, default)
    tensor = _expect(name, _as_float(name, value), shape)
    if not ((tensor == 0) | (tensor == 1)).all():
        raise EventError(f'{name} must be a mask of 0 and 1 (or bool)')
    return tensor.bool()


def _check_values(name: str, values: torch.Tensor, low: float, high: float, unit: str) -> None:
    if ((values >= low) & (values <= high)).all():
        return
    if not torch.isfinite(values).all():
        raise EventError(f'{name} contain NaN or infinity; expected finite {unit}')
    worst = values.min() if values.min() < low else values.max()
    raise EventError(f'{name} contain {worst.item():g}; expected {unit} ({low:g} to {high:g})')
