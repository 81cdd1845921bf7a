"""Scenes with the subject elsewhere: what might have been shown as well.

That a thing is on the table and not inside another is no news: a bound that nothing possible
exceeds is no bound, and which of a measurement's two bounds is meant is judged among outcomes that
are possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from concept_control.energy.agreement.lattice import Lattice
from concept_control.energy.measurements.measurement import Measurement, evaluate
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch, let_down

_REDRAWN = 1200
_OVER_OTHERS = 0.15
"""Share of the background that is over other things, where things may rest on one another."""

SLACK = 0.01
"""Overlap, or excess over the table's edge, that is none [workspace units]."""


def with_places(scene: SceneBatch, places: torch.Tensor, falls: bool = False) -> SceneBatch:
    """Return B * G rows of B scenes with the one subject at places (B, G, 2).

    Args:
        scene: B scenes.
        places: Places of the subject.
        falls: Whether it comes to rest there, on what is below; otherwise it stays as high.
    """
    many = scene.repeat(places.shape[1])
    return _placed(many, many.subjects, places.reshape(-1, 1, 2), falls)


def _placed(
    scene: SceneBatch, mask: torch.Tensor, places: torch.Tensor, falls: bool
) -> SceneBatch:
    """Return B scenes with the things of a mask (B, N) at places (B, 1 or N, 2)."""
    gate = mask.unsqueeze(-1)
    scene = scene._replace(after=scene.after * (1 - gate) + places * gate)
    return let_down(scene, mask) if falls else scene


def at_places(view: SceneView, places: torch.Tensor, falls: bool = False) -> SceneView:
    """Return a view of B * G rows: what a view shows, as `with_places` places the subject."""
    rows = torch.arange(len(places)).repeat_interleave(places.shape[1])
    return SceneView(with_places(view.scene, places, falls), elsewhere=(view, rows))


def anywhere(
    scene: SceneBatch, mask: torch.Tensor, generator: torch.Generator, falls: bool = False
) -> SceneBatch:
    """Return the scenes with the things of a mask (B, N) anywhere, see `with_places`."""
    places = 2 * torch.rand(scene.after.shape, generator=generator) - 1
    return _placed(scene, mask, places, falls)


def on_lattice(places: torch.Tensor, lattice: Lattice | None) -> torch.Tensor:
    """Return the places of a lattice nearest to places (..., 2), if there is one."""
    return places if lattice is None else lattice.nearest(places)


def on_others(scene: SceneBatch, places: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return places (B, G, 2) of which a share is over one of the other things."""
    batch, count = places.shape[:2]
    others = scene.present * (1 - scene.subjects)
    index = torch.multinomial(others + 1e-9, count, replacement=True, generator=generator)
    rows = torch.arange(batch)[:, None]
    off = torch.rand(places.shape, generator=generator) - 0.5
    over = scene.after[rows, index] + off * scene.sides[rows, index]
    is_over = torch.rand(batch, count, 1, generator=generator) < _OVER_OTHERS
    return torch.where(is_over, over.clamp(-1.0, 1.0), places)


class PossiblePlaces(NamedTuple):
    """What the places of subjects keep to.

    Attributes:
        holds_bodies: Whether whole bodies are on the table.
        is_clear: Whether the subject overlaps none of the attended.
        is_crowded: Whether bodies fill the table: then it overlaps nothing else, either.
    """

    holds_bodies: bool
    is_clear: bool
    is_crowded: bool

    @classmethod
    def of(cls, view: SceneView, is_crowded: bool) -> PossiblePlaces:
        """Return what all demonstrated places keep to."""
        is_clear = not view.scene.is_stacked and not bool(overlaps(view, view.attended).any())
        return cls(bool(_is_held(view).all()), is_clear, is_clear and is_crowded)

    def gate(self, view: SceneView) -> torch.Tensor:
        """Return (R,) 1 where the subject is possible, 0 elsewhere."""
        gate = torch.ones_like(view.place[:, 0])
        if self.holds_bodies:
            gate = gate * _is_held(view)
        things = view.attended + view.others if self.is_crowded else view.attended
        return gate * ~overlaps(view, things) if self.is_clear else gate


def overlaps(view: SceneView, things: torch.Tensor) -> torch.Tensor:
    """Return (R,) whether the subject overlaps any of some things (R, N)."""
    apart = (view.scene.after - view.place.unsqueeze(1)).abs()
    reach = (view.scene.sides + view.size.unsqueeze(1)) / 2
    return ((apart < reach - SLACK).all(dim=-1) & (things > 0.5)).any(dim=-1)


def _is_held(view: SceneView) -> torch.Tensor:
    return (view.place.abs() + view.size / 2 <= 1 + SLACK).all(dim=-1)


class Redrawing:
    """Draws background rows anew: those within the bounds so far, shaken.

    Attributes:
        view: View of the background as it is now.
    """

    def __init__(
        self,
        view: SceneView,
        measurements: Sequence[Measurement],
        generator: torch.Generator,
        possible: PossiblePlaces,
        falls: bool = False,
        lattice: Lattice | None = None,
    ) -> None:
        self.view, self._measurements, self._generator = view, measurements, generator
        self._possible, self._falls, self._lattice = possible, falls, lattice

    @property
    def is_possible(self) -> torch.Tensor:
        """(n,) 1 for rows that the world allows."""
        return self._possible.gate(self.view)

    def draw(self, weights: torch.Tensor, spread: float) -> None:
        """Draw rows by weights (n,), shaken by a spread [workspace units]."""
        index = torch.multinomial(
            weights + 1e-12, _REDRAWN, replacement=True, generator=self._generator
        )
        place = self.view.place[index]
        place = place + spread * torch.randn(place.shape, generator=self._generator)
        place = on_lattice(place.clamp(-1.0, 1.0), self._lattice)
        rows = self.view.scene.select(index)
        rows = _placed(rows, rows.subjects, place.unsqueeze(1), self._falls)
        self.view = SceneView(rows, elsewhere=(self.view, index))

    def values(self, chosen: Sequence[int] | None = None) -> torch.Tensor:
        """Return measurements (n, K) of the rows, all or some of them."""
        every = self._measurements
        measured = every if chosen is None else [every[i] for i in chosen]
        return evaluate(measured, self.view)
