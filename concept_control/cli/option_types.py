"""Types of options: what a value may be, said in one sentence where it is none of it.

Each is the `type` of `ArgumentParser.add_argument`. Values are refused before anything is started
or read, with what came, what is allowed and the way out.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from concept_control.control.arm.description import ArmDescription
from concept_control.errors import ConceptControlError, ExpressionError
from concept_control.language.expression import Expression, parse
from concept_control.world.colors import NAMED_COLORS

MAX_SEED = 2**31 - 1
"""Largest seed, as of the nodes."""


def number(
    above: float | None = None, low: float = -math.inf, high: float = math.inf
) -> Callable[[str], float]:
    """Return the type of a finite number.

    Args:
        above: Number that it must exceed; None for no such.
        low: Smallest number.
        high: Largest number.
    """
    limits = [f'greater than {above:g}'] if above is not None else []
    limits += [f'at least {low:g}'] if math.isfinite(low) else []
    limits += [f'at most {high:g}'] if math.isfinite(high) else []
    expected = ' and '.join(limits) or 'that is finite'

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        is_allowed = math.isfinite(value) and low <= value <= high
        if not is_allowed or (above is not None and value <= above):
            raise argparse.ArgumentTypeError(f'{text!r} is no number {expected}')
        return value

    return convert


positive = number(above=0.0)
share = number(low=0.0, high=1.0)


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return the type of a whole number from `low` to `high`; None: without an end."""
    expected = f'{low} or more' if high is None else f'from {low} to {high}'

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f'{text!r} is no whole number, {expected}')
        return value

    return convert


count = whole_number(1)
seed = whole_number(0, MAX_SEED)


def millimetres(kind: Callable[[str], float]) -> Callable[[str], float]:
    """Return the type of a length of some kind that is given in millimetres, in metres."""
    return lambda text: kind(text) / 1000


def _existing(expected: str, is_right: Callable[[Path], bool]) -> Callable[[str], Path]:
    """Return the type of the path of something that is there."""

    def convert(text: str) -> Path:
        path = _path(text)
        if is_right(path):
            return path
        kinds = {'a folder': path.is_dir, 'a file': path.is_file, 'no ordinary file': path.exists}
        found = next((kind for kind, is_so in kinds.items() if is_so()), 'not there')
        raise argparse.ArgumentTypeError(f'{text} is {found}; expected {expected}')

    return convert


existing_file = _existing('a file', Path.is_file)
existing_folder = _existing('a folder', Path.is_dir)
existing = _existing('a file or a folder', lambda path: path.is_file() or path.is_dir())


def new_file(*suffixes: str) -> Callable[[str], Path]:
    """Return the type of a file that will be written, over an old one if there is one.

    Args:
        suffixes: Endings that it may have; any where none is given.
    """

    def convert(text: str) -> Path:
        path = _path(text)
        if path.is_dir():
            raise argparse.ArgumentTypeError(f'{text} is a folder; expected a file to write')
        if suffixes and path.suffix not in suffixes:
            raise argparse.ArgumentTypeError(f'{text} must end in {" or ".join(suffixes)}')
        if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
            raise argparse.ArgumentTypeError(f'{text} cannot be written')
        _check_writable(path.parent, text)
        return path

    return convert


def folder(text: str) -> Path:
    """Return the path of a folder that will be written to, and made where it is missing."""
    path = _path(text)
    _check_writable(path, text)
    return path


def new_folder(text: str) -> Path:
    """Return the path of a folder that will be made."""
    path = folder(text)
    if path.exists():
        raise argparse.ArgumentTypeError(f'{text} is there already; expected a new folder')
    return path


def color(text: str) -> str:
    """Return the name of a colour."""
    name = text.strip().lower()
    if name not in NAMED_COLORS:
        alike = get_close_matches(name, NAMED_COLORS, n=1)
        hint = f': did you mean {alike[0]}? There' if alike else '; there'
        raise argparse.ArgumentTypeError(
            f'{name!r} is no colour{hint} are {", ".join(NAMED_COLORS)}'
        )
    return name


def colors(text: str) -> tuple[str, ...]:
    """Return the names of colours that are separated by commas, at least one."""
    return tuple(map(color, text.split(',')))


def expression(text: str) -> Expression:
    """Return a command as it was parsed."""
    try:
        return parse(text)
    except ExpressionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def command(text: str) -> str:
    """Return a command that can be parsed, as it was written."""
    expression(text)
    return text


def arm(text: str) -> str:
    """Return the name or path of an arm that can be loaded."""
    try:
        ArmDescription.load(text)
    except ConceptControlError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _path(text: str) -> Path:
    if not text or '\0' in text:
        raise argparse.ArgumentTypeError(f'{text!r} is no path')
    return Path(text).expanduser()


def _check_writable(path: Path, text: str) -> None:
    """Refuse a folder that cannot be written to, or not be made."""
    try:
        while not path.exists() and path != path.parent:
            path = path.parent
        is_folder = path.is_dir()
    except OSError as error:
        raise argparse.ArgumentTypeError(f'{text}: {error.strerror}') from error
    if not is_folder:
        raise argparse.ArgumentTypeError(f'{text} cannot be written: {path} is no folder')
    try:
        # Permissions say nothing to root, nor of file systems that cannot be written to.
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f'{text} cannot be written: {path}: {error.strerror}'
        ) from error
