"""All measurements by name."""

from __future__ import annotations

from functools import cache

from concept_control.energy.measurements.measurement import Measurement
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.sets import set_measurements
from concept_control.errors import CodeError


@cache
def measurements_by_name() -> dict[str, Measurement]:
    """Return every measurement of a place and of a set, by name."""
    return {each.name: each for each in (*placement_measurements(True), *set_measurements(True))}


def measurement_named(name: str) -> Measurement:
    """Return a measurement of the vocabulary.

    Raises:
        CodeError: if there is none of that name.
    """
    found = measurements_by_name().get(name)
    if found is None:
        raise CodeError(f'there is no measurement {name!r} in this version of the vocabulary')
    return found
