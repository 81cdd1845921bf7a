from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

import pytest

from concept_control.cli.options import add_config, add_field, config_from


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        names: Names of what is called, as many
            as one likes.
        tolerance: Error of 5 % that counts [m].
        quick: Whether it is over soon.
        json: File for every number; None writes none.
    """

    names: tuple[str, ...] = ('a', 'b')
    tolerance: float = 0.01
    quick: bool = False
    json: Path | None = None


def test_what_is_not_given_keeps_its_default():
    assert config_from(Config, Namespace(names=None, tolerance=0.02, other=1)) == Config(
        tolerance=0.02
    )


def test_lists_become_tuples_also_empty_ones():
    assert config_from(Config, Namespace(names=['c'])).names == ('c',)
    assert config_from(Config, Namespace(names=[])).names == ()


def test_values_go_before_arguments():
    config = config_from(Config, Namespace(tolerance=15.0), tolerance=15.0 / 1000)
    assert config.tolerance == pytest.approx(0.015)


def test_a_field_is_declared_with_its_type_and_default():
    parser = ArgumentParser()
    add_field(parser, Config, 'names', '--name', help='what to call', choices=['a', 'b', 'c'])
    for name in ('tolerance', 'quick'):
        add_field(parser, Config, name)
    add_field(parser, Config, 'json', type=Path)
    assert config_from(Config, parser.parse_args([])) == Config()
    given = ['--name', 'c', '--name', 'a', '--tolerance', '2', '--quick', '--json', 'x.json']
    assert config_from(Config, parser.parse_args(given)) == Config(
        ('c', 'a'), 2.0, True, Path('x.json')
    )


def test_the_docstring_of_a_config_describes_its_options():
    parser = ArgumentParser()
    add_config(parser, Config, names={'flag': '--name'})
    printed = ' '.join(parser.format_help().split())
    assert 'names of what is called, as many as one likes' in printed
    assert 'error of 5 % that counts [m] (default: 0.01)' in printed
    assert '--json FILE write every number to this file' in printed
    assert config_from(Config, parser.parse_args([])) == Config()
