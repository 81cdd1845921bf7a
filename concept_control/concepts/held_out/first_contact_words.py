"""The words of the first contact: words that nobody planned for.

None of them is trained on, nor counted among the other held-out families: their figures are taken
apart from all others. `HARD` names those that were meant to be hard: conjunctions, exceptions,
unusual frames, and what has to be compared with all others.
"""

from __future__ import annotations

from concept_control.concepts.family import Family
from concept_control.concepts.held_out import first_contact as contact
from concept_control.concepts.held_out import first_contact_regions as regions
from concept_control.concepts.held_out import first_contact_selection as selection
from concept_control.concepts.held_out import first_contact_shapes as shapes
from concept_control.concepts.held_out.validation import Template

WORDS: tuple[Family, ...] = (
    regions.PlainRegion(
        'middle_square',
        'be in the square in the middle of the table',
        (200,),
        outside=regions.middle_square,
    ),
    regions.PlainRegion(
        'front_strip',
        'be in the strip along the front edge of the table',
        (201,),
        outside=regions.front_strip,
    ),
    regions.PlainRegion(
        'diamond', 'be in the diamond in the middle of the table', (202,), outside=regions.diamond
    ),
    regions.PlainRegion(
        'edge_no_corner',
        'be at an edge of the table, but not in a corner',
        (203,),
        outside=regions.edge_no_corner,
    ),
    regions.PlainRegion(
        'on_a_diagonal',
        'be on one of the two diagonals of the table',
        (204,),
        outside=regions.on_a_diagonal,
    ),
    regions.Checkerboard(
        'checkerboard', 'be on a field of one colour of a board of four by four', (205,)
    ),
    regions.AisleEnds(
        'aisle_ends',
        'be in the aisle through the middle of the table, but not in its middle',
        (206,),
    ),
    contact.SizedSituated(
        'touching',
        'stand face to face with another thing, or corner to corner, without a gap',
        (207,),
        shortfall=contact.touching,
    ),
    contact.SizedSituated(
        'one_width_away',
        "be as far from another thing as twice that thing's width, on any side",
        (208,),
        shortfall=contact.one_width_away,
        proposal=contact.draw_one_width_away,
    ),
    contact.Situated(
        'catty_corner',
        'be diagonally next to another thing, whichever of the four ways',
        (209,),
        shortfall=contact.catty_corner,
        proposal=contact.draw_catty_corner,
    ),
    contact.Situated(
        'inner_side',
        'be next to another thing on the side towards the middle of the table',
        (210,),
        shortfall=contact.inner_side,
    ),
    contact.Situated(
        'hidden_from_robot',
        'be behind another thing as the robot at the front edge sees it',
        (211,),
        shortfall=contact.hidden_from_robot,
    ),
    contact.Situated(
        'clockwise',
        'be the next one clockwise of another thing, on its ring around the middle',
        (212,),
        shortfall=contact.clockwise,
    ),
    contact.Situated(
        'as_far_from_middle',
        'be as far from the middle of the table as another thing is',
        (213,),
        shortfall=contact.as_far_from_middle,
        proposal=contact.draw_as_far_from_middle,
    ),
    contact.Situated(
        'mirrored',
        'be opposite another thing, mirrored at the line that parts left from right',
        (214,),
        shortfall=contact.mirrored,
        proposal=contact.draw_mirrored,
    ),
    contact.Situated(
        'passed',
        'go past another thing, from its left to its right or back',
        (215,),
        shortfall=contact.passed,
    ),
    contact.Situated(
        'half_way',
        'go half of the way to another thing',
        (216,),
        shortfall=contact.half_way,
        proposal=contact.draw_half_way,
    ),
    contact.Situated(
        'closer_not_close',
        'come closer to another thing and stop a step away from it',
        (217,),
        shortfall=contact.closer_not_close,
    ),
    contact.Situated(
        'went_around',
        'go some way around another thing, as far from it as before',
        (218,),
        shortfall=contact.went_around,
        proposal=contact.draw_went_around,
    ),
    contact.SizedSituated(
        'nearer_to_larger',
        'be clearly nearer to the larger of two others',
        (219,),
        shortfall=contact.nearer_to_larger,
        num_arguments=2,
    ),
    contact.Situated(
        'third_corner',
        'be the third corner of an equilateral triangle with two others',
        (220,),
        shortfall=contact.third_corner,
        num_arguments=2,
        proposal=contact.draw_third_corner,
    ),
    contact.Situated(
        'right_angle',
        'be where the ways to two others make a right angle',
        (221,),
        shortfall=contact.right_angle,
        num_arguments=2,
        proposal=contact.draw_right_angle,
    ),
    contact.Situated(
        'near_both',
        'be near both of two others',
        (222,),
        shortfall=contact.near_both,
        num_arguments=2,
    ),
    contact.Situated(
        'near_one_far_other',
        'be near one of two others and far from the other',
        (223,),
        shortfall=contact.near_one_far_other,
        num_arguments=2,
    ),
    contact.Situated(
        'through_gate',
        'go through the gate between two others',
        (224,),
        shortfall=contact.through_gate,
        num_arguments=2,
    ),
    contact.AmongAll(
        'alone',
        'be far from everything else',
        (225,),
        shortfall=contact.alone,
        num_arguments=0,
        fewest=3,
    ),
    contact.AmongAll(
        'in_company',
        'be near at least two things, whichever',
        (226,),
        shortfall=contact.in_company,
        num_arguments=0,
        fewest=4,
    ),
    contact.AmongAll(
        'left_of_all',
        'be further left than everything else',
        (227,),
        shortfall=contact.left_of_all,
        num_arguments=0,
        fewest=3,
    ),
    contact.AmongAll(
        'slid_sideways',
        'slide to the left or to the right, neither nearer nor further',
        (228,),
        shortfall=contact.slid_sideways,
        num_arguments=0,
        proposal=contact.draw_slid_sideways,
    ),
    contact.AmongAll(
        'middle_of_all',
        'be in the middle of all other things',
        (229,),
        shortfall=contact.middle_of_all,
        num_arguments=0,
        fewest=4,
        proposal=contact.draw_middle_of_all,
    ),
    selection.ChosenBySize(
        'second_largest', 'the second largest thing', (230,), rule=selection.second_largest
    ),
    selection.ChosenBySize(
        'all_but_largest',
        'everything but the largest thing',
        (231,),
        rule=selection.all_but_largest,
    ),
    selection.ChosenBySize(
        'as_large_as_marker',
        'the things about as large as the marker',
        (232,),
        rule=selection.as_large_as_marker,
        has_marker=True,
    ),
    selection.ChosenBySize(
        'largest_on_the_left',
        'the largest thing of those on the left half of the table',
        (233,),
        rule=selection.largest_on_the_left,
    ),
    selection.ChosenBySize(
        'smaller_and_left_of_marker',
        'the things both smaller than the marker and left of it',
        (234,),
        rule=selection.smaller_and_left_of_marker,
        has_marker=True,
    ),
    selection.ChosenBySize(
        'larger_than_neighbour',
        'the things larger than their nearest neighbour',
        (235,),
        rule=selection.larger_than_neighbour,
    ),
    selection.Chosen(
        'second_from_left',
        'the second thing from the left',
        (236,),
        rule=selection.second_from_left,
    ),
    selection.Chosen(
        'in_the_row_of_marker',
        'the things in the same row, left to right, as the marker',
        (237,),
        rule=selection.in_the_row_of_marker,
        has_marker=True,
    ),
    selection.Chosen(
        'on_the_side_of_marker',
        'the things on the same half of the table, left or right, as the marker',
        (238,),
        rule=selection.on_the_side_of_marker,
        has_marker=True,
    ),
    selection.Chosen(
        'both_ends', 'the leftmost and the rightmost thing', (239,), rule=selection.both_ends
    ),
    selection.ChosenByColor(
        'has_color_twin',
        'the things of whose colour there is another one',
        (240,),
        rule=selection.has_color_twin,
    ),
    selection.ChosenByColor(
        'of_the_commonest_color',
        'the things of the colour that most things have',
        (241,),
        rule=selection.of_the_commonest_color,
    ),
    selection.ChosenByMotion(
        'went_left', 'the things that moved to the left', (242,), rule=selection.went_left
    ),
    selection.ChosenByMotion(
        'stood_still', 'the things that stayed where they were', (243,), rule=selection.stood_still
    ),
    selection.ChosenByMotion(
        'went_outward',
        'the things that moved away from the middle of the table',
        (244,),
        rule=selection.went_outward,
    ),
    selection.ChosenByMotion(
        'went_like_marker',
        'the things that moved in about the direction in which the marker did',
        (245,),
        rule=selection.went_like_marker,
        has_marker=True,
    ),
    selection.ChosenBySizeAndMotion(
        'smallest_that_moved',
        'the smallest thing of those that moved',
        (246,),
        rule=selection.smallest_that_moved,
    ),
    selection.ChosenByCourse(
        'moved_first', 'what moved first of all', (247,), rule=selection.moved_first
    ),
    selection.ChosenByCourse(
        'came_back', 'the things that left and came back', (248,), rule=selection.came_back
    ),
    selection.Counted('one_or_two', 'one or two things', (249,), allowed=selection.one_or_two),
    selection.Counted(
        'even_number', 'an even number of things', (250,), allowed=selection.even_number
    ),
    selection.Counted('everything', 'all things', (251,), allowed=selection.everything),
    selection.Counted(
        'all_but_one', 'all things but one, whichever', (252,), allowed=selection.all_but_one
    ),
    Template(
        'vee',
        'stand like the letter V, five of them',
        (253,),
        fewest=5,
        most=5,
        template=shapes.VEE,
    ),
    Template(
        'tee',
        'stand like the letter T, five of them',
        (254,),
        fewest=5,
        most=5,
        template=shapes.TEE,
    ),
    shapes.Formation(
        'even_row',
        'stand in an even row from left to right',
        (255,),
        fewest=3,
        most=5,
        drawing=shapes.draw_even_row,
        off=shapes.even_row,
    ),
    shapes.Formation(
        'stairs',
        'stand like stairs that rise to the right',
        (256,),
        fewest=3,
        most=4,
        drawing=shapes.draw_stairs,
        off=shapes.stairs,
    ),
    shapes.Formation(
        'gathered',
        'stand all close together',
        (257,),
        fewest=3,
        most=5,
        drawing=shapes.draw_close,
        off=shapes.gathered,
    ),
    shapes.Formation(
        'spread_out',
        'stand all far from each other',
        (258,),
        fewest=3,
        most=4,
        drawing=shapes.draw_anywhere,
        off=shapes.spread_out,
    ),
    shapes.Formation(
        'two_pairs',
        'stand in two pairs that are far from each other',
        (259,),
        fewest=4,
        most=4,
        drawing=shapes.draw_two_pairs,
        off=shapes.two_pairs,
    ),
    shapes.Formation(
        'around_one',
        'stand around one of them, evenly far from it and on all sides',
        (260,),
        fewest=5,
        most=6,
        drawing=shapes.draw_around_one,
        off=shapes.around_one,
    ),
    shapes.BySize('by_size', 'stand from left to right by growing size', (261,), fewest=3, most=4),
)
"""All families, each of one concept or a few."""

HARD = (
    'edge_no_corner',
    'checkerboard',
    'aisle_ends',
    'one_width_away',
    'inner_side',
    'hidden_from_robot',
    'clockwise',
    'closer_not_close',
    'went_around',
    'nearer_to_larger',
    'right_angle',
    'near_one_far_other',
    'through_gate',
    'in_company',
    'middle_of_all',
    'second_largest',
    'all_but_largest',
    'largest_on_the_left',
    'smaller_and_left_of_marker',
    'larger_than_neighbour',
    'has_color_twin',
    'of_the_commonest_color',
    'went_like_marker',
    'smallest_that_moved',
    'came_back',
    'even_number',
    'all_but_one',
    'two_pairs',
    'around_one',
    'by_size',
)
"""Names of the families that were meant to be hard."""
