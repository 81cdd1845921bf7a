"""Options that several commands share, and the way from arguments to a config."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from concept_control.cli.option_types import (
    arm,
    count,
    existing_file,
    existing_folder,
    folder,
    new_file,
    positive,
    seed,
)
from concept_control.paths import library_folder

Config = TypeVar('Config')

CAMERAS = ('auto', 'egl', 'osmesa', 'raycast')
"""Ways in which the simulated camera makes its images."""


def add_path(
    flag: str,
    kind: Callable[[str], Path],
    default_text: str,
    parser: argparse.ArgumentParser,
    text: str | None = None,
    metavar: str | None = None,
) -> None:
    """Declare an option that is a path; the text says what of, where it is not as usual."""
    parser.add_argument(flag, type=kind, metavar=metavar, help=text or default_text)


add_json = partial(add_path, '--json', new_file(), 'write every number to this file')
add_html = partial(add_path, '--html', new_file(), 'write a page')
add_model = partial(
    add_path, '--model', existing_folder, 'folder of a model (default: the one shipped)'
)
"""None stands for the shipped model."""

add_parameters = partial(
    add_path,
    '--params',
    existing_file,
    "the recorded nodes' parameter file (default: config/demo.yaml)",
    metavar='YAML',
)
"""How the nodes were set up that recorded a bag."""


def add_seed(parser: argparse.ArgumentParser, text: str | None = None, default: int = 0) -> None:
    """Declare `--seed`; the text says what it is the seed of."""
    parser.add_argument('--seed', type=seed, default=default, help=text)


def add_library(parser: argparse.ArgumentParser) -> None:
    """Declare `--library`; None stands for the default folder."""
    parser.add_argument(
        '--library', type=folder, help=f'folder of taught concepts (default: {library_folder()})'
    )


def add_arm(
    parser: argparse.ArgumentParser,
    text: str = 'franka, ur5e or a YAML file; the model is the same (default: %(default)s)',
) -> None:
    """Declare `--arm`."""
    parser.add_argument('--arm', type=arm, default='franka', help=text)


def add_camera(
    parser: argparse.ArgumentParser,
    text: str = 'how the simulated camera makes its images (default: the first that works)',
    dest: str = 'backend',
    default: str | None = 'auto',
) -> None:
    """Declare `--camera`."""
    parser.add_argument('--camera', dest=dest, default=default, choices=CAMERAS, help=text)


def add_namespace(
    parser: argparse.ArgumentParser, text: str = "the robot's, where a bag holds several"
) -> None:
    """Declare `--namespace`."""
    parser.add_argument('--namespace', help=text)


def add_field(
    parser: argparse.ArgumentParser,
    config_type: type,
    name: str,
    text: str | None = None,
    flag: str | None = None,
    **options: Any,
) -> None:
    """Declare the option of a config's field, with the field's type and default.

    Numbers must be greater than 0 unless another `type` is given.

    Args:
        parser: Parser of the command.
        config_type: Dataclass of the command's settings.
        name: Name of the field. One that is a bool becomes a switch, a tuple may be repeated.
        text: Help; `%(default)s` stands for the default.
        flag: Name of the option, if it is not the field's.
        options: Arguments of `ArgumentParser.add_argument` that differ.
    """
    default = getattr(config_type, name)
    if isinstance(default, bool):
        options['action'] = 'store_true'
    elif isinstance(default, tuple):
        options.setdefault('action', 'append')
    elif default is not None:
        kind = {int: count, float: positive}.get(type(default), type(default))
        options = {'type': kind, 'default': default, **options}
    flag = flag or f'--{name.replace("_", "-")}'
    parser.add_argument(flag, dest=name, help=text, **options)


def config_from(config_type: type[Config], args: argparse.Namespace, **values: Any) -> Config:
    """Build a config from the arguments of the same names.

    Args:
        config_type: Frozen dataclass. What is None in the arguments keeps its default.
        args: Arguments; lists become tuples.
        values: Fields that are not taken from the arguments as they are.
    """
    for field in fields(config_type):  # type: ignore[arg-type]
        value = getattr(args, field.name, None)
        if value is not None and field.name not in values:
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return config_type(**values)
