"""What bodies keep to whatever is wanted: none overlap, leave the table or fall."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from concept_control.energy.scene_batch import SceneBatch, faces_meet, outside_span
from concept_control.world.entity import TOUCHING


@dataclass(frozen=True)
class Walls:
    """What bodies keep to whatever the goal is.

    Attributes:
        separation: Distance of two middles, in sums of half sides, below which bodies repel: a
            release needs room.
        edge: Largest |coordinate| of a middle without a penalty [workspace units].
        holds_bodies: Whether whole bodies stay within the edge, not only their middles.
        face_share: Share of the separation that bodies keep along either axis; the separation
            itself is then kept between middles alone, whichever way bodies are turned.
        weight: Weight of the squared overlaps and excesses over the edge.
    """

    separation: float = 1.3
    edge: float = 0.97
    holds_bodies: bool = False
    face_share: float = 1.0
    weight: float = 4.0

    def residuals(
        self, place: torch.Tensor, scene: SceneBatch, movable: torch.Tensor
    ) -> torch.Tensor:
        """Return the residuals (B, K) of overlap, of the edge and of what would fall.

        Bodies may be over one another at heights of their own; what is off the table must have its
        middle over what carries it.

        Args:
            place: (B, N, 2) workspace units.
            scene: B scenes.
            movable: (B or 1, N) 1 where an entity may move; what stands is no fault.
        """
        scene = scene._replace(after=place)
        reach = (scene.sides.unsqueeze(-2) + scene.sides.unsqueeze(-3)) / 2
        apart = ((place.unsqueeze(-2) - place.unsqueeze(-3)) / reach).clamp(-3.0, 3.0)
        faces = (apart.pow(_CORNERS).sum(dim=-1) + 1e-12).pow(1 / _CORNERS)
        short = self.face_share * self.separation - faces
        if self.face_share < 1:
            middles = (apart.square().sum(dim=-1) + 1e-12).sqrt()
            short = torch.maximum(short, self.separation - middles)
        either_moves = 1 - (1 - movable.unsqueeze(-1)) * (1 - movable.unsqueeze(-2))
        here = scene.present.unsqueeze(-1) * scene.present.unsqueeze(-2)
        other = 1 - torch.eye(place.shape[1], dtype=place.dtype, device=place.device)
        overlap = torch.relu(short) * reach.mean(dim=-1)
        if scene.has_open_boxes:
            inside = torch.relu(-_turned_gaps(scene))
            overlap = torch.minimum(overlap, torch.minimum(inside, inside.transpose(-1, -2)))
        outside = place.abs() - self.edge
        if self.holds_bodies:
            outside = outside + scene.sides / 2
        outside = torch.relu(outside) * movable.unsqueeze(-1)
        # Each pair comes twice.
        overlap = 0.5**0.5 * overlap * (either_moves * here * other)
        found = [overlap, outside]
        if scene.is_stacked:
            lower = torch.maximum(scene.bottoms.unsqueeze(-1), scene.bottoms.unsqueeze(-2))
            upper = torch.minimum(scene.tops.unsqueeze(-1), scene.tops.unsqueeze(-2))
            # Only what shares a height is side by side.
            found[0] = overlap * (upper - lower > TOUCHING)
            found.append(_unsupported(scene) * _moves(movable, scene))
        return self.weight**0.5 * torch.cat([each.flatten(1) for each in found], dim=-1)


DIAGONAL = 2**0.5
"""Width of a turned square in its sides: nothing here knows how things are turned."""

WALLS = Walls()
"""Walls of a table on which an arm puts things down."""

TIGHT = replace(WALLS, edge=1.0, separation=1.35, face_share=0.8, weight=8.0)
"""Walls where there is no room otherwise: the whole square that the arm keeps to, and as much room
as putting a body down takes (1.2 sides), with a millimetre for poses and what counts as none."""

_CLEARANCE = 0.02
"""Distance to walls within which nothing is put between them [workspace units], 5 mm."""

_CORNERS = 8
"""Exponent of the norm that distances of bodies are taken in: nearly that of rectangles, whose
corners are 9 % further out, and smooth."""

_INSIDE = 0.8
"""Share of a carrier's face, about its middle, over which the middle of what it carries stays."""


def _turned_gaps(scene: SceneBatch) -> torch.Tensor:
    """Return the gap (B, N, N) of the first thing to the walls of the second, an open box.

    It is the least, however both are turned, less what an arm may miss; -1 for no open box.
    """
    opening = scene.sides.amin(dim=-1) - 2 * scene.rims
    widths = DIAGONAL * scene.sides.amax(dim=-1)
    apart = scene.after.unsqueeze(-2) - scene.after.unsqueeze(-3)
    away = (apart.square().sum(dim=-1) + 1e-12).sqrt()
    gap = (opening.unsqueeze(-2) - widths.unsqueeze(-1)) / 2 - away - _CLEARANCE
    return torch.where(scene.rims.unsqueeze(-2) > 0, gap, -1.0)


def _unsupported(scene: SceneBatch) -> torch.Tensor:
    """Return how far (B, N) the middles of things off the table are beyond what carries them.

    That is one thing, or all that a thing lies on far enough to be carried by them together.
    """
    place, meets = scene.after, faces_meet(scene)
    apart = (place.unsqueeze(-2) - place.unsqueeze(-3)).abs()
    beyond = torch.relu(apart - _INSIDE * scene.sides.unsqueeze(-3) / 2).amax(dim=-1)
    nearest = torch.where(meets, beyond, 1.0).amin(dim=-1)
    reach = (scene.sides.unsqueeze(-2) + scene.sides.unsqueeze(-3)) / 2
    # Bodies are turned any way: over a corner, the other's corner may not be there.
    carriers = meets & ((apart / reach).norm(dim=-1) < _INSIDE)
    together = outside_span(place, scene, carriers, _INSIDE)
    return torch.minimum(nearest, together) * (scene.bottoms > 0)


def _moves(movable: torch.Tensor, scene: SceneBatch) -> torch.Tensor:
    """Return (B, N) 1 where a thing or what may carry it may move; what stands is no fault."""
    carrier = (faces_meet(scene).to(movable) * movable.unsqueeze(-2)).amax(dim=-1)
    return torch.maximum(movable.expand_as(carrier), carrier)
