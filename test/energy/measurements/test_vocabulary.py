"""The vocabulary as a whole."""

import pytest

from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.sets import set_measurements
from concept_control.energy.measurements.vocabulary import measurement_named, measurements_by_name
from concept_control.errors import CodeError


def test_every_name_is_unique_and_found():
    every = (*placement_measurements(True), *set_measurements(True))
    assert len(measurements_by_name()) == len(every)
    assert all(measurement_named(each.name) is each for each in every)
    with pytest.raises(CodeError, match="no measurement 'height'"):
        measurement_named('height')
