"""Messages that no sane peer would send, made by hypothesis from the message's own definition.

Two ways: wholly random ones, most of which are refused at the first look, and sane ones in which a
few values were replaced, which get further.
"""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module
from typing import Any, Literal

from hypothesis import strategies as st
from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractType,
    Array,
    BasicType,
    NamespacedType,
)

MAX_LENGTH = 5
"""Length of sequences without a bound of their own."""

WORDS = (
    '', 'world', 'camera_optical_frame', 'red', 'between(red; blue, green)', 'near(#1; tool)',
    '((((', 'not not red', '0*near(red; blue)', 'NaN*all', '#-1', 'rgb8', '32FC1', 'plumb_bob',
    'mpc_controller', '\u0661', ' ' * 50, 'fr3_joint1', 'between',
)  # fmt: skip
"""Texts that mean something to somebody."""

FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-300, 1e30, -1e30, float('nan'), float('inf'), float('-inf'))

BITS = {'octet': 8, **{f'{sign}int{bits}': bits for sign in ('', 'u') for bits in (8, 16, 32, 64)}}


def random_messages(message_type: Any) -> st.SearchStrategy:
    """Return a strategy for wholly random messages of a type."""
    fields = {
        name: _values(kind) for name, kind in zip(_names(message_type), message_type.SLOT_TYPES)
    }
    return st.builds(message_type, **fields)


@st.composite
def spoiled_messages(draw: Any, sane: Any) -> Any:
    """Draw a copy of a sane message in which up to three values were replaced."""
    message = deepcopy(sane)
    for _ in range(draw(st.integers(1, 3))):
        owner, name, kind = draw(st.sampled_from(_places(message)))
        setattr(owner, name, draw(_values(kind)))
    return message


def _names(message_type: Any) -> list[str]:
    return list(message_type.get_fields_and_field_types())


def _places(message: Any) -> list[tuple[Any, str, AbstractType]]:
    """Return (owner, field, type) of everything in a message that can be replaced."""
    places = []
    for name, kind in zip(_names(message), message.SLOT_TYPES):
        places.append((message, name, kind))
        value = getattr(message, name)
        if isinstance(kind, NamespacedType):
            places += _places(value)
        elif isinstance(kind, AbstractNestedType) and isinstance(kind.value_type, NamespacedType):
            for element in value:
                places += _places(element)
    return places


def _values(kind: AbstractType) -> st.SearchStrategy:
    """Return a strategy for the values that a field may carry over the wire."""
    if isinstance(kind, BasicType):
        return _numbers(kind.typename)
    if isinstance(kind, AbstractString):
        return st.sampled_from(WORDS) | st.text(max_size=12)
    if isinstance(kind, NamespacedType):
        module = import_module('.'.join(kind.namespaces))
        return random_messages(getattr(module, kind.name))
    assert isinstance(kind, AbstractNestedType)
    size = kind.size if isinstance(kind, Array) else None
    return st.lists(_values(kind.value_type), min_size=size or 0, max_size=size or MAX_LENGTH)


def _numbers(name: str) -> st.SearchStrategy:
    if name == 'boolean':
        return st.booleans()
    if name in ('float', 'double'):
        width: Literal[32, 64] = 32 if name == 'float' else 64
        nasty = [value for value in FLOATS if width == 64 or not 0 < abs(value) < 1e-40]
        return st.sampled_from(nasty) | st.floats(width=width) | st.floats(-1, 1, width=width)
    bits = BITS[name]
    is_signed = not name.startswith('u') and name != 'octet'
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    if name == 'octet':
        return st.integers(low, high).map(lambda value: bytes([value]))
    return st.integers(max(low, -2), 7) | st.integers(low, high) | st.sampled_from([low, high])
