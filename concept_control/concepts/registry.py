"""All families of concepts, by name."""

from __future__ import annotations

from concept_control.concepts.affine import Affine
from concept_control.concepts.arrangement import Arrangement
from concept_control.concepts.attribute_tests import AttributeTests
from concept_control.concepts.comparisons import Comparisons
from concept_control.concepts.family import Family
from concept_control.concepts.held_out import (
    Band,
    BrighterThanMarker,
    Corner,
    Ell,
    Equidistant,
    Lone,
    OddColor,
    Opposite,
    Pentagon,
    Rectangle,
)
from concept_control.concepts.held_out_later import (
    Beyond,
    Cross,
    Diagonal,
    MovedMost,
    SecondClosest,
    Sides,
)
from concept_control.concepts.lines import Lines
from concept_control.concepts.measure_tests import MeasureTests
from concept_control.concepts.place_tests import PlaceTests
from concept_control.concepts.proximity import Closest, Furthest, ToClosest, ToFurthest
from concept_control.concepts.relational import (
    Above,
    AlignedX,
    AlignedY,
    Below,
    Between,
    Far,
    Inside,
    LeftOf,
    Near,
    Offset,
    RightOf,
)
from concept_control.concepts.selection import Quantity
from concept_control.concepts.shape import Circle, Line, Square, Triangle
from concept_control.concepts.spatial import (
    Annulus,
    Disc,
    HalfPlane,
    NearEdge,
    Place,
    Quadrant,
)
from concept_control.concepts.temporal import CameCloser, Moved, MovedAfter, MovedBefore
from concept_control.concepts.visual import Color, SameColor, Size

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
    SameColor,
    Quadrant,
    Annulus,
    Inside,
    ToClosest,
    ToFurthest,
    CameCloser,
    MovedBefore,
    MovedAfter,
    Affine,
    PlaceTests,
    MeasureTests,
    Lines,
    Comparisons,
    Arrangement,
    AttributeTests,
    Pentagon,
    Rectangle,
    Ell,
    Opposite,
    Equidistant,
    Corner,
    Band,
    OddColor,
    Lone,
    BrighterThanMarker,
    Cross,
    Diagonal,
    Beyond,
    Sides,
    SecondClosest,
    MovedMost,
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
