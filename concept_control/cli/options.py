"""Options that several commands share, and the way from arguments to a config."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import fields
from typing import Any, TypeVar

from concept_control.cli.option_types import (
    arm,
    count,
    existing_file,
    existing_folder,
    folder,
    millimetres,
    new_file,
    positive,
    seed,
)
from concept_control.paths import library_folder

Config = TypeVar('Config')

CAMERAS = ('auto', 'egl', 'osmesa', 'raycast')
"""Ways in which the simulated camera makes its images."""


CAMERA: dict[str, Any] = {
    'flag': '--camera',
    'choices': CAMERAS,
    'help': 'how the simulated camera makes its images (default: the first that works)',
}
"""Option of a field that names the renderer of the simulated camera."""


TOLERANCE: dict[str, Any] = {
    'type': millimetres(positive),
    'default': '15',
    'help': 'of the predicate [mm] (default: %(default)s)',
}
"""Option of a tolerance that is kept in metres."""


def _shared(name: str) -> dict[str, Any]:
    """Return the arguments of an option that several commands have."""
    file: dict[str, Any] = {'type': new_file(), 'metavar': 'FILE'}
    recorded = "the recorded nodes' parameter file (default: config/demo.yaml)"
    arms = 'name (franka, ur5e), YAML, .xml, .urdf or menagerie:NAME (default: %(default)s)'
    options: dict[str, dict[str, Any]] = {
        'json': {**file, 'help': 'write every number to this file'},
        'html': {**file, 'help': 'write a page'},
        'model': {'type': existing_folder, 'help': 'folder of a model (default: the one shipped)'},
        'library': {
            'type': folder,
            'default': library_folder(),
            'help': f'folder of taught concepts (default: {library_folder()})',
        },
        'params': {'type': existing_file, 'metavar': 'YAML', 'help': recorded},
        'namespace': {'help': "the robot's, where a bag holds several"},
        'arm': {'type': arm, 'default': 'franka', 'help': arms},
        'seed': {'type': seed, 'default': 0},
        'camera': {'choices': CAMERAS, 'default': 'auto', 'help': CAMERA['help']},
    }
    return options.get(name, {})


def add_shared(parser: argparse.ArgumentParser, *names: str, **texts: str) -> None:
    """Declare options that several commands have; where none is given, None is what is shipped.

    Args:
        parser: Parser of the command.
        names: Names of the options.
        texts: Help of further ones, other than the usual.
    """
    for name in (*names, *texts):
        told = {'help': texts[name]} if name in texts else {}
        parser.add_argument(f'--{name}', **{**_shared(name), **told})


def add_field(
    parser: argparse.ArgumentParser,
    config_type: type,
    name: str,
    flag: str | None = None,
    **options: Any,
) -> None:
    """Declare the option of a config's field, with the field's type and default.

    Numbers must be greater than 0 unless another `type` is given.

    Args:
        parser: Parser of the command.
        config_type: Dataclass of the command's settings.
        name: Name of the field. One that is a bool becomes a switch, a tuple may be repeated.
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
    parser.add_argument(flag, dest=name, **options)


def add_config(
    parser: argparse.ArgumentParser, config_type: type, **changes: dict[str, Any]
) -> None:
    """Declare an option for each field of a config, which its docstring describes.

    Args:
        parser: Parser of the command.
        config_type: Dataclass of the command's settings, its fields listed under "Attributes".
        changes: Arguments of `add_field` that differ, by the names of fields.
    """
    listed = (inspect.getdoc(config_type) or '').partition('Attributes:\n')[2]
    found = re.findall(r'^    (\w+): (.+(?:\n        .+)*)', listed, re.MULTILINE)
    texts = {name: ' '.join(text.split()).rstrip('.').replace('%', '%%') for name, text in found}
    for field in fields(config_type):
        text = texts[field.name][0].lower() + texts[field.name][1:]
        if isinstance(field.default, int | float | str) and not isinstance(field.default, bool):
            text += ' (default: %(default)s)'
        usual = {key: value for key, value in _shared(field.name).items() if key != 'default'}
        options = {'help': text, **usual, **changes.get(field.name, {})}
        add_field(parser, config_type, field.name, **options)


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
