"""All families of concepts, by name."""

from __future__ import annotations

from concept_control.concepts.family import Family
from concept_control.concepts.held_out.blind import (
    Beyond,
    Cross,
    Diagonal,
    MovedMost,
    SecondClosest,
    Sides,
)
from concept_control.concepts.held_out.validation import (
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
from concept_control.concepts.named.proximity import Closest, Furthest, ToClosest, ToFurthest
from concept_control.concepts.named.relational import (
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
from concept_control.concepts.named.selection import Quantity
from concept_control.concepts.named.shape import Circle, Line, Square, Triangle
from concept_control.concepts.named.spatial import (
    Annulus,
    Disc,
    HalfPlane,
    NearEdge,
    Place,
    Quadrant,
)
from concept_control.concepts.named.temporal import CameCloser, Moved, MovedAfter, MovedBefore
from concept_control.concepts.named.visual import Color, SameColor, Size
from concept_control.concepts.procedural.affine import Affine
from concept_control.concepts.procedural.arrangement import Arrangement
from concept_control.concepts.procedural.attribute_rules import AttributeRules
from concept_control.concepts.procedural.comparison_rules import Comparisons
from concept_control.concepts.procedural.lines import Lines
from concept_control.concepts.procedural.measure_rules import MeasureRules
from concept_control.concepts.procedural.place_rules import PlaceRules

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
    PlaceRules,
    MeasureRules,
    Lines,
    Comparisons,
    Arrangement,
    AttributeRules,
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
    """Return the families that models are trained on, by name."""
    return {name: family for name, family in families().items() if not family.held_out}


def held_out_families() -> dict[str, Family]:
    """Return the families that are kept from training, by name."""
    return {name: family for name, family in families().items() if family.held_out}
