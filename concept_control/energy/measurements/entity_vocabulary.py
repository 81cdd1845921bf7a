"""Names, words and facts of the measurements of entities, in the order of `entities.py`.

Places are generated: anchors times coordinates and distances; looks come alone and against the
marker's.
"""

from __future__ import annotations

from dataclasses import dataclass

NUM_DIRECTIONS = 8
"""Number of directions, evenly over half a turn, along which places are measured."""

NEIGHBOURHOOD = 0.5
"""Radius within which neighbours are counted [workspace units]."""

_EVERY = frozenset({'translation', 'rotation', 'reflection'})
_SHIFT = frozenset({'translation'})
_TURNS = frozenset({'rotation', 'reflection'})
_NONE: frozenset[str] = frozenset()

FLAGS = (
    'marker',
    'motion',
    'colour',
    'size',
    'place',
    'peers',
    'signed',
    'oblique',
    'anchored',
    'before',
    'channel',
    'fitted',
)
"""What a measurement may be about, for a scorer: the marker; motion; colour; size; place; the
other entities; a difference with a natural zero; a direction other than x and y; an entity singled
out by its looks; the first state; one colour channel; parameters fitted to demonstrations."""


@dataclass(frozen=True)
class EntityMeasurement:
    """One measurement, as words and as facts for a scorer.

    Attributes:
        name: Stable identifier.
        label: Words for the number, such as "distance to the marker".
        unit: Unit, empty for a plain number.
        about: Flags out of `FLAGS`.
        invariant: Changes of the scene out of translation, rotation (a quarter turn) and
            reflection (of x) that leave the number as it is.
        lowest: Words for the entity with the smallest number, such as "closest to the marker".
        highest: Words for the entity with the largest number.
        below: Words for entities below a bound, with `{}` for the bound.
        above: Words for entities above a bound.
        below_zero: Words for a negative number, where zero is a natural bound.
        above_zero: Words for a positive number.
    """

    name: str
    label: str
    unit: str = ''
    about: frozenset[str] = frozenset()
    invariant: frozenset[str] = frozenset()
    lowest: str = ''
    highest: str = ''
    below: str = ''
    above: str = ''
    below_zero: str = ''
    above_zero: str = ''

    def __post_init__(self) -> None:
        for field, words in (
            ('lowest', f'lowest in {self.label}'),
            ('highest', f'highest in {self.label}'),
            ('below', f'{self.label} below {{}}'),
            ('above', f'{self.label} above {{}}'),
            ('below_zero', f'negative {self.label}'),
            ('above_zero', f'positive {self.label}'),
        ):
            if not getattr(self, field):
                object.__setattr__(self, field, words)


# ------------------------------------------------------------------ places


_ANCHORS: tuple[tuple[str, str, frozenset[str], frozenset[str], bool], ...] = (
    ('middle', 'the middle of the table', frozenset({'place'}), _NONE, True),
    ('marker', 'the marker', frozenset({'marker', 'place', 'signed'}), _SHIFT, True),
    ('start', 'where it was', frozenset({'motion', 'signed'}), _SHIFT, True),
    ('before', 'the middle of the table, before', frozenset({'before', 'place'}), _NONE, False),
    (
        'marker_before',
        'the marker, before',
        frozenset({'before', 'marker', 'place', 'signed'}),
        _SHIFT,
        False,
    ),
    ('others', 'the middle of all', frozenset({'peers', 'place', 'signed'}), _SHIFT, False),
    ('largest', 'the largest', frozenset({'anchored', 'place', 'signed'}), _SHIFT, False),
    ('smallest', 'the smallest', frozenset({'anchored', 'place', 'signed'}), _SHIFT, False),
    ('brightest', 'the brightest', frozenset({'anchored', 'place', 'signed'}), _SHIFT, False),
    ('darkest', 'the darkest', frozenset({'anchored', 'place', 'signed'}), _SHIFT, False),
)
"""Anchors: name, words, flags, what leaves offsets unchanged, whether all scalars are taken."""

_X_WORDS = {
    'middle': ('leftmost', 'rightmost', 'left of x = {}', 'right of x = {}'),
    'start': (
        'one that moved furthest left',
        'one that moved furthest right',
        'moved right by less than {}',
        'moved right by more than {}',
    ),
}
_Y_WORDS = {
    'middle': ('lowest on the table', 'uppermost', 'below y = {}', 'above y = {}'),
    'start': (
        'one that moved furthest down',
        'one that moved furthest up',
        'moved up by less than {}',
        'moved up by more than {}',
    ),
}


def _place_measurements() -> tuple[EntityMeasurement, ...]:
    found = []
    for anchor, words, about, shift, is_full in _ANCHORS:
        offset = '' if anchor == 'middle' else f' from {words}'
        for name, label, table, zero in (
            ('x', 'x', _X_WORDS, ('left of', 'right of')),
            ('y', 'y', _Y_WORDS, ('below', 'above')),
        ):
            own = table.get(anchor, ('', '', '', ''))
            invariant = shift | {'reflection'} if name == 'y' else shift
            zeros = (f'{zero[0]} {words}', f'{zero[1]} {words}')
            found.append(
                EntityMeasurement(
                    f'{name}_{anchor}', f'{label}{offset}', 'units', about, invariant, *own, *zeros
                )
            )
        moved = anchor == 'start'
        found.append(
            EntityMeasurement(
                f'distance_{anchor}',
                'distance moved' if moved else f'distance to {words}',
                'units',
                about - {'signed'},
                shift | _TURNS,
                'one that moved least' if moved else f'closest to {words}',
                'one that moved most' if moved else f'furthest from {words}',
                'moved less than {}' if moved else f'within {{}} of {words}',
                'moved more than {}' if moved else f'further than {{}} from {words}',
            )
        )
        if not is_full:
            continue
        for step in range(1, NUM_DIRECTIONS):
            if 2 * step != NUM_DIRECTIONS:
                degrees = 180 * step / NUM_DIRECTIONS
                found.append(
                    EntityMeasurement(
                        f'along{degrees:g}_{anchor}',
                        f'coordinate along {degrees:g} degrees{offset}',
                        'units',
                        about | {'oblique'},
                        shift,
                        f'furthest towards {degrees + 180:g} degrees{offset}',
                        f'furthest towards {degrees:g} degrees{offset}',
                    )
                )
        for axis in 'xy':
            invariant = shift | {'reflection'}
            found.append(
                EntityMeasurement(
                    f'abs_{axis}_{anchor}',
                    f'distance in {axis} from {words}',
                    'units',
                    about - {'signed'},
                    invariant,
                )
            )
    return tuple(found)


# ------------------------------------------------------------------ looks


_LOOKS = (
    ('size', 'size', 'units', {'size'}, ('smallest', 'largest', 'smaller', 'larger')),
    ('brightness', 'brightness', '', {'colour'}, ('darkest', 'brightest', 'darker', 'brighter')),
    ('saturation', 'colourfulness', '', {'colour'}, ('palest', 'most colourful')),
    ('red', 'red', '', {'colour', 'channel'}, ('least red', 'most red', 'less red', 'redder')),
    ('green', 'green', '', {'colour', 'channel'}, ('least green', 'most green')),
    ('blue', 'blue', '', {'colour', 'channel'}, ('least blue', 'most blue')),
    ('chroma_red', 'share of red', '', {'colour', 'channel'}, ()),
    ('chroma_green', 'share of green', '', {'colour', 'channel'}, ()),
    ('chroma_blue', 'share of blue', '', {'colour', 'channel'}, ()),
)
"""Looks: name, label, unit, flags, words for lowest, highest, lower and higher."""


def _look_measurements() -> tuple[EntityMeasurement, ...]:
    found, against = [], []
    for name, label, unit, about, words in _LOOKS:
        low, high, lower, higher = (*words, '', '', '', '')[:4]
        comparisons = (f'{lower} than {{}}', f'{higher} than {{}}') if lower else ('', '')
        zeros = tuple(
            f'{words or default} {label} than the marker'.replace(f'{words} {label}', words)
            for words, default in ((lower, 'less'), (higher, 'more'))
        )
        found.append(
            EntityMeasurement(name, label, unit, frozenset(about), _EVERY, low, high, *comparisons)
        )
        against.append(
            EntityMeasurement(
                f'{name}_marker',
                f"{label} minus the marker's",
                unit,
                frozenset(about | {'marker', 'signed'}),
                _EVERY,
                below_zero=zeros[0],
                above_zero=zeros[1],
            )
        )
    for name, label, about in (
        ('tone_difference_marker', 'colour', {'colour', 'marker'}),
        ('chroma_difference_marker', 'hue', {'colour', 'marker'}),
        ('rgb_difference_marker', 'red, green and blue', {'colour', 'marker', 'channel'}),
        ('size_difference_marker', 'size', {'size', 'marker'}),
    ):
        against.append(
            EntityMeasurement(
                name,
                f"difference of {label} to the marker's",
                'units' if label == 'size' else '',
                frozenset(about),
                _EVERY,
                f'most like the marker in {label}',
                f'least like the marker in {label}',
                f'like the marker in {label} to within {{}}',
                f'unlike the marker in {label} by more than {{}}',
            )
        )
    return (*found, *against)


# ------------------------------------------------------------------ other entities


def _peer(
    name: str, label: str, about: set[str], *words: str, unit: str = ''
) -> EntityMeasurement:
    return EntityMeasurement(name, label, unit, frozenset(about | {'peers'}), _EVERY, *words)


_OTHERS = (
    _peer(
        'nearest',
        'distance to the nearest other',
        {'place'},
        'one with the nearest neighbour',
        'loneliest',
        'within {} of another',
        'further than {} from all others',
        unit='units',
    ),
    _peer('gap', 'gap to the nearest other', {'place', 'size'}, unit='units'),
    _peer(
        'crowd',
        'mean distance to the others',
        {'place'},
        'most central among all',
        'most remote from all',
        unit='units',
    ),
    _peer('furthest', 'distance to the furthest other', {'place'}, unit='units'),
    _peer('neighbours', f'number of others within {NEIGHBOURHOOD}', {'place'}),
    _peer(
        'tone_mean',
        "mean difference of colour to the others'",
        {'colour'},
        'most typical in colour',
        'least typical in colour',
    ),
    _peer(
        'tone_nearest',
        'difference to the most similar colour',
        {'colour'},
        'one with the most similar twin in colour',
        'one whose colour is the oddest',
        'of a colour that another shares to within {}',
        'of a colour that no other shares to within {}',
    ),
    _peer('tone_furthest', 'difference to the least similar colour', {'colour'}),
    _peer('alike', 'number of others of the same colour', {'colour'}),
    _peer(
        'nearest_alike', 'distance to the nearest of its colour', {'colour', 'place'}, unit='units'
    ),
    _peer(
        'nearest_unlike',
        'distance to the nearest of another colour',
        {'colour', 'place'},
        unit='units',
    ),
    _peer(
        'size_deviation',
        "difference of size to the others' mean",
        {'size'},
        'most typical in size',
        'least typical in size',
        unit='units',
    ),
    _peer('size_nearest', 'difference to the most similar size', {'size'}, unit='units'),
    _peer('brightness_others', "brightness minus the others' mean", {'colour', 'signed'}),
    _peer('size_others', "size minus the others' mean", {'size', 'signed'}, unit='units'),
)


# ------------------------------------------------------------------ motion


def _change(
    name: str, label: str, about: set[str], *words: str, unit: str = ''
) -> EntityMeasurement:
    return EntityMeasurement(name, label, unit, frozenset(about | {'motion'}), _EVERY, *words)


_MOTION = (
    EntityMeasurement(
        'gain_middle',
        'approach to the middle of the table',
        'units',
        frozenset({'motion', 'place', 'signed'}),
        _TURNS,
        below_zero='moved away from the middle of the table',
        above_zero='came closer to the middle of the table',
    ),
    EntityMeasurement(
        'gain_marker',
        'approach to the marker',
        'units',
        frozenset({'marker', 'motion', 'signed'}),
        _EVERY,
        below='came less than {} closer to the marker',
        above='came more than {} closer to the marker',
        below_zero='moved away from the marker',
        above_zero='came closer to the marker',
    ),
    _change('gain_nearest', 'approach to the nearest other', {'peers', 'signed'}, unit='units'),
    _change('detour', 'detour beyond the straight way', set(), unit='units'),
    _change('time', 'time of its motion', set(), 'first to move', 'last to move'),
    EntityMeasurement(
        'time_marker',
        "time of its motion after the marker's",
        '',
        frozenset({'marker', 'motion', 'signed'}),
        _EVERY,
        below_zero='moved before the marker',
        above_zero='moved after the marker',
    ),
    _change(
        'difference_motion',
        "difference of its motion to the marker's",
        {'marker'},
        'one that moved most like the marker',
        'one that moved least like the marker',
        unit='units',
    ),
)


_PLACES, _LOOK_PAIRS = _place_measurements(), _look_measurements()

NUM_PLACES, NUM_LOOKS, NUM_OTHERS, NUM_MOTIONS = (
    len(kind) for kind in (_PLACES, _LOOK_PAIRS, _OTHERS, _MOTION)
)
"""Numbers of measurements of each kind, in their order."""

MEASUREMENTS = (*_PLACES, *_LOOK_PAIRS, *_OTHERS, *_MOTION)
"""All measurements, in the order of `entities.measure_entities`."""

INDEX = {measurement.name: index for index, measurement in enumerate(MEASUREMENTS)}
"""Index of each measurement by its name."""
