"""All families of concepts, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from concept_control.concepts.family import Family
from concept_control.concepts.held_out import (
    blind,
    first_contact_regions,
    first_contact_relations,
    first_contact_selection,
    first_contact_shapes,
    fourth_contact,
    second_contact,
    third_contact,
    third_contact_things,
    validation,
)
from concept_control.concepts.named import (
    relational,
    selection,
    shape,
    spatial,
    stacking,
    temporal,
    visual,
)
from concept_control.concepts.procedural import (
    arrangement,
    attribute_rules,
    combinations,
    comparison_rules,
    height_rules,
    placement_rules,
    side_rules,
)

_TRAINED: tuple[Family, ...] = (
    visual.Color('color', 'attend all things of one colour', (0,)),
    spatial.Place('place', 'be at one place of the workspace', (1,)),
    relational.Offset('offset', 'be at a given vector from another thing', (2,)),
    relational.Between('between', 'be in the middle between two others', (3,)),
    relational.Apart(
        'near', 'be close to another thing, on any side', (4,), bounds=relational.NEAR
    ),
    relational.Apart(
        'far',
        'be at least half the workspace away from another thing',
        (5,),
        bounds=relational.FAR,
    ),
    relational.Beside('right_of', 'be right of another thing', (6,), direction=0.0),
    relational.Beside(
        'above', 'be above another thing, seen from above', (7,), direction=np.pi / 2
    ),
    relational.Beside('left_of', 'be left of another thing', (8,), direction=np.pi),
    relational.Beside(
        'below', 'be below another thing, seen from above', (9,), direction=-np.pi / 2
    ),
    relational.Aligned('aligned_x', 'lie in one row along x', (10,), axis=0),
    relational.Aligned('aligned_y', 'lie in one column along y', (11,), axis=1),
    spatial.HalfPlane('half_plane', 'be on one side of a line through the workspace', (12,)),
    spatial.Disc('disc', 'be inside a disc of the workspace', (13,)),
    spatial.NearEdge('near_edge', 'be near the edge of the workspace', (14,)),
    shape.RegularPolygon(
        'circle', 'stand evenly on a circle, four to six of them', (15,), fewest=4
    ),
    shape.RegularPolygon('square', 'stand at the corners of a square', (16,), fewest=4, most=4),
    shape.RegularPolygon(
        'triangle', 'stand at the corners of an equilateral triangle', (17,), fewest=3, most=3
    ),
    shape.Line('line', 'stand in a straight line', (18,)),
    selection.Proximity('closest', 'the thing closest to the marker', (19,), sign=1.0),
    selection.Proximity('furthest', 'the thing furthest from the marker', (20,), sign=-1.0),
    selection.Quantity('quantity', 'one, two, three or more than three things', (21,)),
    temporal.Moved('moved', 'the things that moved', (22,)),
    visual.Size('size', 'attend all things larger, or all smaller, than a threshold', (23,)),
    visual.SameColor('same_color', 'attend the things of the same colour as the marker', (33,)),
    spatial.Quadrant('quadrant', 'be in one quarter of the workspace', (29,)),
    spatial.Half('half', 'be in one half of the workspace, all of it', (105,)),
    spatial.Annulus('annulus', 'be in a ring around a place of the workspace', (31,)),
    relational.Inside('inside', 'lie inside another, larger thing', (32,)),
    relational.NextTo('next_to', 'stand next to another thing, on any side', (102,)),
    selection.MarkerMove(
        'to_closest', 'put the marker where the one meant is the closest to it', (24,), sign=1.0
    ),
    selection.MarkerMove(
        'to_furthest',
        'put the marker where the one meant is the furthest from it',
        (25,),
        sign=-1.0,
    ),
    temporal.CameCloser('came_closer', 'the things that came closer to the marker', (26,)),
    temporal.Order(
        'moved_before', 'the things that moved before the marker did', (27,), sign=-1.0
    ),
    temporal.Order('moved_after', 'the things that moved after the marker did', (28,), sign=1.0),
    combinations.Affine(
        'affine', 'be at a combination of where others are and where one was', (34,)
    ),
    placement_rules.PlaceRules(
        'place_tests', 'be where one or two random tests hold', (*range(35, 42), 61, 62)
    ),
    placement_rules.MeasureRules(
        'measure_tests',
        'keep one or two random measures of a place within bounds',
        tuple(range(63, 73)),
    ),
    side_rules.SideRules(
        'side_tests',
        'be on one side of another thing, by centres, by faces or face to face',
        (103,),
        kinds=(side_rules.BESIDE, side_rules.FACING, side_rules.SHADOW),
    ),
    side_rules.SideRules(
        'lane_tests',
        'be in the lane that leads from another thing to one side',
        (104,),
        kinds=(side_rules.LANE,),
    ),
    combinations.Lines(
        'lines', 'be on a random line, here, through others, or from where one was', (52,)
    ),
    comparison_rules.Comparisons(
        'comparisons',
        'attend to what compares so with a number, the marker or all others',
        tuple(range(73, 73 + len(comparison_rules.CELLS))),
    ),
    arrangement.Arrangement(
        'arrangement',
        'stand as in a random pattern, wherever, turned and as large as may be',
        (42,),
        most=5,
    ),
    attribute_rules.AttributeRules(
        'attribute_tests',
        'attend to what passes one or two random tests of looks and place',
        tuple(range(43, 52)),
    ),
)

_HELD_OUT: tuple[Family, ...] = (
    shape.RegularPolygon(
        'pentagon', 'stand at the corners of a regular pentagon', (30,), fewest=5, most=5
    ),
    validation.Template(
        'rectangle',
        'stand at the corners of a rectangle, twice as long as wide',
        (101,),
        fewest=4,
        most=4,
        template=validation.RECTANGLE,
    ),
    validation.Template(
        'ell',
        'stand like the letter L: three in a row and one beside the end',
        (53,),
        fewest=4,
        most=4,
        template=validation.ELL,
    ),
    validation.Opposite('opposite', 'be as far beyond another thing as one was before it', (54,)),
    validation.Equidistant('equidistant', 'be equally far from two others', (55,)),
    validation.Corner('corner', 'be in a corner of the workspace, whichever', (56,)),
    validation.Band('band', 'be in an upright band of the workspace', (57,)),
    validation.OddColor(
        'odd_color', 'the one thing whose colour differs from that of all others', (58,)
    ),
    validation.Lone('lone', 'the one thing that is furthest from its nearest neighbour', (59,)),
    validation.BrighterThanMarker(
        'brighter_than_marker', 'the things that are brighter than the marker', (60,)
    ),
    validation.Template(
        'cross',
        'stand like the five of a die: four corners of a square and its middle',
        (95,),
        fewest=5,
        most=5,
        template=blind.CROSS,
    ),
    blind.Diagonal('diagonal', 'be on the rising diagonal through another thing', (96,)),
    blind.Beyond('beyond', 'be in one line with two others, beyond either of them', (97,)),
    blind.Sides('sides', 'be at the left or at the right side of the workspace', (98,)),
    selection.Proximity(
        'second_closest', 'the thing second closest to the marker', (99,), sign=1.0, order=1
    ),
    blind.MovedMost(
        'moved_most', 'the thing that moved the furthest, among others that moved', (100,)
    ),
)

_FIRST_CONTACT = (
    *first_contact_regions.WORDS,
    *first_contact_relations.WORDS,
    *first_contact_selection.WORDS,
    *first_contact_shapes.WORDS,
)
(
    _FIRST_CONTACT_TYPES,
    _SECOND_CONTACT_TYPES,
    _STACKING_TYPES,
    _THIRD_CONTACT_TYPES,
    _FOURTH_CONTACT_TYPES,
) = range(200, 700, 100)
"""Token types of the first of them, the second contact, stacking, the third, the fourth."""


def stacking_families() -> dict[str, Family]:
    """Return the families of things on one another, by name; no network was trained on them."""
    return _apart((*stacking.WORDS, *height_rules.RULES), _STACKING_TYPES)


def families() -> dict[str, Family]:
    """Return every family by name."""
    return {**training_families(), **held_out_families()}


def training_families() -> dict[str, Family]:
    """Return the families that models are trained on, by name."""
    return {family.name: family for family in _TRAINED}


def held_out_families() -> dict[str, Family]:
    """Return the families that are kept from training, by name."""
    return {family.name: replace(family, held_out=True) for family in _HELD_OUT}


def first_contact_families() -> dict[str, Family]:
    """Return the families for first figures on words that nobody planned for, by name.

    They are in neither of the other sets, so that these and their tables stay as they are.
    """
    return _apart(_FIRST_CONTACT, _FIRST_CONTACT_TYPES)


def second_contact_families() -> dict[str, Family]:
    """Return the families of a second such set, by name, written after the first was known."""
    return _apart(second_contact.WORDS, _SECOND_CONTACT_TYPES)


def third_contact_families() -> dict[str, Family]:
    """Return the families of a third such set, by name; some of its words have parameters."""
    return _apart((*third_contact.WORDS, *third_contact_things.WORDS), _THIRD_CONTACT_TYPES)


def fourth_contact_families() -> dict[str, Family]:
    """Return the families of a fourth such set, by name; some of its words have parameters."""
    return _apart(fourth_contact.WORDS, _FOURTH_CONTACT_TYPES)


def _apart(words: Sequence[Family], first_type: int) -> dict[str, Family]:
    return {
        family.name: replace(family, held_out=True, token_types=(token_type,))
        for token_type, family in enumerate(words, first_type)
    }
