"""Node parameters as data: name, default, meaning and range in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

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
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def declare(node: Node, parameters: Sequence[Parameter]) -> SimpleNamespace:
    """Declare `parameters` read-only and return their values, dots turned into underscores.

    Raises:
        CommandError: if a text is not among its choices; rclpy itself refuses types and ranges.
    """
    values = {}
    for parameter in parameters:
        descriptor = ParameterDescriptor(
            description=parameter.description,
            read_only=True,
            additional_constraints=', '.join(parameter.choices),
        )
        if parameter.low is not None and parameter.high is not None:
            if isinstance(parameter.default, int):
                descriptor.integer_range = [
                    IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high))
                ]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(
                        from_value=float(parameter.low), to_value=float(parameter.high)
                    )
                ]
        value = node.declare_parameter(parameter.name, parameter.default, descriptor).value
        if parameter.choices and value not in parameter.choices:
            raise CommandError(
                f'parameter {parameter.name} is {value!r}; allowed: {", ".join(parameter.choices)}'
            )
        values[parameter.name.replace('.', '_')] = value
    return SimpleNamespace(**values)
