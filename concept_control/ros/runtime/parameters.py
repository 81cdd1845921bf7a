"""Node parameters as fields of a dataclass: name, default, meaning and range in one row.

    @dataclass
    class Parameters:
        arm: str = parameter('franka', 'name of a shipped arm or path of an arm YAML')
        status_rate: float = parameter(10.0, 'messages per second', 1.0, 50.0, is_live=True)

    p = declare(node, Parameters)

Threading: `declare` returns an instance whose fields the executor's thread sets one by one when a
live parameter is set; other threads only read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

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

T = TypeVar('T')
P = TypeVar('P')


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Attributes:
        field: Name of the field that holds its value.
        name: Name in ROS; dots make groups, as in YAML.
        default: Value that also fixes the type.
        description: One line with the unit, shown by `ros2 param describe`.
        low: Smallest allowed number.
        high: Largest allowed number.
        choices: Allowed texts.
        is_live: Whether it may be set while the node runs; the others are read once, at the start.
    """

    field: str
    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_live: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """Describe it as ROS does, whose rclpy checks types and ranges."""
        descriptor = ParameterDescriptor(
            description=self.description,
            read_only=not self.is_live,
            additional_constraints=', '.join(self.choices),
        )
        if self.low is not None and self.high is not None:
            if isinstance(self.default, int):
                whole = IntegerRange(from_value=int(self.low), to_value=int(self.high))
                descriptor.integer_range = [whole]
            else:
                span = FloatingPointRange(from_value=float(self.low), to_value=float(self.high))
                descriptor.floating_point_range = [span]
        return descriptor


def parameter(
    default: T,
    description: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: tuple[str, ...] = (),
    is_live: bool = False,
    name: str = '',
) -> T:
    """Return a dataclass field that is a parameter; for the arguments see `Parameter`.

    The name in ROS is that of the field where none is given.
    """
    row = Parameter('', name, default, description, low, high, choices, is_live)
    field = dataclasses.field(default_factory=lambda: default, metadata={'parameter': row})
    return cast(T, field)


def parameters_of(kind: type, prefix: str = '') -> list[Parameter]:
    """Return the parameters that a dataclass declares, in its order.

    Args:
        kind: Dataclass whose fields are made by `parameter`.
        prefix: Group that all of them belong to; empty for none.
    """
    group = f'{prefix}.' if prefix else ''
    rows = [(field.name, field.metadata['parameter']) for field in dataclasses.fields(kind)]
    return [dataclasses.replace(r, field=f, name=group + (r.name or f)) for f, r in rows]


def declare(
    node: Node,
    kind: type[P],
    cross_check: Callable[[P], str] = lambda _: '',
    prefix: str = '',
) -> P:
    """Declare the parameters of a dataclass and return an instance with their values.

    Live ones may be set later: a bad value is refused with the reason, a good one appears in the
    instance at once.

    Args:
        node: Node that has them.
        kind: Dataclass whose fields are made by `parameter`.
        cross_check: Function that says what is wrong with the values together; empty for nothing.
        prefix: Group that all of them belong to; empty for none.

    Raises:
        CommandError: if a value is of another type, out of range, not among its choices, or
            contradicts another.
    """
    known = {parameter.name: parameter for parameter in parameters_of(kind, prefix)}
    values: P | None = None

    def check(changes: Iterable[RosParameter]) -> SetParametersResult:
        proposed = {}
        for change in changes:
            if change.name not in known:
                continue
            row = known[change.name]
            if row.choices and change.value not in row.choices:
                reason = f'{row.name} is {change.value!r}; allowed: {", ".join(row.choices)}'
                return SetParametersResult(successful=False, reason=reason)
            proposed[row.field] = change.value
        reason = ''
        if values is not None and proposed:
            reason = cross_check(dataclasses.replace(cast(Any, values), **proposed))
        return SetParametersResult(successful=not reason, reason=reason)

    def accept(changes: Iterable[RosParameter]) -> None:
        for change in changes:
            if change.name in known:
                setattr(values, known[change.name].field, change.value)

    node.add_on_set_parameters_callback(check)
    declared = {}
    for name, parameter in known.items():
        try:
            declared[parameter.field] = node.declare_parameter(
                name, parameter.default, parameter.descriptor()
            ).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise CommandError(f'parameter {name}: {error}') from error
    values = kind(**declared)
    reason = cross_check(values)
    if reason:
        raise CommandError(reason)
    node.add_post_set_parameters_callback(accept)
    return values
