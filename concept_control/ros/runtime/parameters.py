"""Node parameters as data: name, default, meaning and range in one row.

Threading: `declare` returns a namespace that the executor's thread updates attribute by attribute
when a live parameter is set; other threads only read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from concept_control.errors import CommandError


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Attributes:
        name: dots make groups, as in YAML.
        default: fixes the type too.
        description: one line with the unit, shown by `ros2 param describe`.
        low: smallest allowed number.
        high: largest allowed number.
        choices: the allowed texts.
        is_live: may be set while the node runs; the others are read once, at the start.
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_live: bool = False

    @property
    def attribute(self) -> str:
        """Its name in the namespace that `declare` returns."""
        return self.name.replace('.', '_')

    def validation_error(self, value: Any) -> str:
        """Say why a value is none for this parameter; empty if it is one.

        Types and ranges are checked by rclpy.
        """
        if self.choices and value not in self.choices:
            return f'{self.name} is {value!r}; allowed: {", ".join(self.choices)}'
        return ''

    def descriptor(self) -> ParameterDescriptor:
        """Describe it as ROS does."""
        descriptor = ParameterDescriptor(
            description=self.description,
            read_only=not self.is_live,
            additional_constraints=', '.join(self.choices),
        )
        if self.low is None or self.high is None:
            return descriptor
        if isinstance(self.default, int):
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.low), to_value=int(self.high))
            ]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(self.low), to_value=float(self.high))
            ]
        return descriptor


def declare(
    node: Node,
    parameters: Sequence[Parameter],
    contradiction: Callable[[SimpleNamespace], str] = lambda _: '',
) -> SimpleNamespace:
    """Declare `parameters` and return their values, dots turned into underscores.

    Live ones may be set later: a bad value is refused with the reason, a good one appears in the
    namespace at once.

    Args:
        node: that has them.
        parameters: to declare.
        contradiction: says what is wrong with the values together; empty for nothing.

    Raises:
        CommandError: if a value is of another type, out of range, not among its choices, or
            contradicts another.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values = SimpleNamespace()
    is_complete = False

    def check(changes: Iterable[RosParameter]) -> SetParametersResult:
        ours = [change for change in changes if change.name in known]
        for change in ours:
            complaint = known[change.name].validation_error(change.value)
            if complaint:
                return SetParametersResult(successful=False, reason=complaint)
        proposed = {known[change.name].attribute: change.value for change in ours}
        reason = (
            contradiction(SimpleNamespace(**{**vars(values), **proposed}))
            if (is_complete and ours)
            else ''
        )
        return SetParametersResult(successful=not reason, reason=reason)

    def accept(changes: Iterable[RosParameter]) -> None:
        for change in changes:
            if change.name in known:
                setattr(values, known[change.name].attribute, change.value)

    node.add_on_set_parameters_callback(check)
    for parameter in parameters:
        try:
            declared = node.declare_parameter(
                parameter.name, parameter.default, parameter.descriptor()
            )
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise CommandError(f'parameter {parameter.name}: {error}') from error
        setattr(values, parameter.attribute, declared.value)
    is_complete = True
    reason = contradiction(values)
    if reason:
        raise CommandError(reason)
    node.add_post_set_parameters_callback(accept)
    return values
