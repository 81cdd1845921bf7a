"""All families of concepts, by name."""

from __future__ import annotations

from concept_control.concepts.family import Family
from concept_control.concepts.relational import (
    Above,
    AlignedX,
    AlignedY,
    Below,
    Between,
    Far,
    LeftOf,
    Near,
    Offset,
    RightOf,
)
from concept_control.concepts.selection import Closest, Furthest, Moved, Quantity
from concept_control.concepts.shape import Circle, Line, Pentagon, Square, Triangle
from concept_control.concepts.spatial import Disc, HalfPlane, NearEdge, Place
from concept_control.concepts.visual import Color, Size

_FAMILIES: tuple[type[Family], ...] = (
    Color,
    Place,
    Offset,
    Between,
    Near,
    Far,
    RightOf,
    Above,
    LeftOf,
    Below,
    AlignedX,
    AlignedY,
    HalfPlane,
    Disc,
    NearEdge,
    Circle,
    Square,
    Triangle,
    Line,
    Closest,
    Furthest,
    Quantity,
    Moved,
    Size,
    Pentagon,
)


def families() -> dict[str, Family]:
    """Return every family by name."""
    return {family.name: family() for family in _FAMILIES}


def training_families() -> dict[str, Family]:
    """Return the families that the shipped model is trained on."""
    return {name: family for name, family in families().items() if not family.held_out}


def held_out_families() -> dict[str, Family]:
    """Return the families that are kept from training, to judge what nobody trained."""
    return {name: family for name, family in families().items() if family.held_out}
