"""The command line `concept_control …`: 0 = did it, 1 = ran but failed, 2 = wrong usage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from concept_control import __version__
from concept_control.errors import ConceptControlError, ExpressionError, MissingDependencyError

EXIT_FAILED = 1
EXIT_USAGE = 2


@dataclass(frozen=True)
class Command:
    """One subcommand: `module` has `add_arguments(parser)` and `main(args) -> int`."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command(
        'demo',
        'concept_control.cli.demo',
        'run the whole graph on the simulated arm until a concept holds',
    ),
    Command(
        'draw', 'concept_control.cli.draw', 'let the arm draw a figure, by a policy of its strokes'
    ),
    Command(
        'policy', 'concept_control.cli.policy', 'train a policy of strokes, or record strokes'
    ),
    Command('concepts', 'concept_control.cli.concepts', 'list the concepts, with pictures'),
    Command('train', 'concept_control.cli.train', 'train the energy in the particle world'),
    Command('benchmark', 'concept_control.cli.benchmark', 'measure every number of the README'),
    Command('teach', 'concept_control.cli.teach', 'learn a new word from demonstrations'),
    Command(
        'evaluate',
        'concept_control.cli.evaluate',
        'look at recorded bags again, without ROS',
    ),
    Command(
        'recognise',
        'concept_control.cli.recognise',
        'name what happened in recorded bags',
    ),
    Command('excerpt', 'concept_control.cli.excerpt', 'cut a small bag out of a big one'),
    Command('export', 'concept_control.cli.export', 'write a trained model as TorchScript'),
)


def build_parser(name: str | None) -> argparse.ArgumentParser:
    """Build the parser; only the named command's module is imported, so `--help` is quick."""
    parser = argparse.ArgumentParser(
        prog='concept_control',
        description='Teach a robot concepts from a few demonstrations, and make it act on them.',
        epilog='`concept_control COMMAND --help` explains a command. '
        'Start with `concept_control demo`.',
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    commands = parser.add_subparsers(title='commands', dest='command', metavar='COMMAND')
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + '.',
        )
        if command.name == name:
            module = import_module(command.module)
            module.add_arguments(sub)
            sub.set_defaults(run=module.main)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = next((a for a in arguments if not a.startswith('-')), None)
    try:
        parser = build_parser(name)
        args = parser.parse_args(arguments)
        if args.command is None:
            parser.print_help()
            return EXIT_USAGE
        return int(args.run(args))
    except ExpressionError as error:
        print(f'concept_control: {error}', file=sys.stderr)
        return EXIT_USAGE
    except MissingDependencyError as error:
        print(f'concept_control: {error}', file=sys.stderr)
        return EXIT_FAILED
    except ModuleNotFoundError as error:
        missing = (error.name or '').split('.')[0]
        if missing not in OPTIONAL:
            raise
        print(f'concept_control: {name} needs {missing}: {OPTIONAL[missing]}', file=sys.stderr)
        return EXIT_FAILED
    except ConceptControlError as error:
        print(f'concept_control: {error}', file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left to flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        print('concept_control: interrupted', file=sys.stderr)
        return EXIT_FAILED


OPTIONAL = {
    'hypothesis': '`pip install hypothesis`',
    'rclpy': 'source a ROS 2 installation, or `pip install "concept_control[ros]"`',
    'mcap': '`pip install "concept_control[bags]"`',
    'rosbags': '`pip install "concept_control[bags]"`',
}
"""Modules that only some commands need, and where they come from."""


if __name__ == '__main__':
    sys.exit(main())
