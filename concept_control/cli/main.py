"""The command line `concept_control …`: 0 = did it, 1 = ran but failed, 2 = wrong usage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from concept_control import __version__
from concept_control.cli.command_parser import CommandParser, add_commands
from concept_control.errors import ConceptControlError, ExpressionError

EXIT_FAILED = 1
EXIT_USAGE = 2


COMMANDS = {
    'demo': 'run the whole graph on the simulated arm until a concept holds',
    'studio': 'teach concepts with the mouse, ask for them and watch, in the browser',
    'shell': 'command one robot, simulated or real, line by line',
    'draw': 'let the arm draw a figure, by a policy of its strokes',
    'policy': 'train a policy of strokes, or record strokes',
    'words': 'list what may be said and what it means, rename or delete what was taught',
    'explain': 'tell what a word was understood to mean, in sentences',
    'concepts': 'list the families of concepts, with pictures',
    'train': 'train the energy in the particle world',
    'benchmark': 'measure every figure of docs/results.md',
    'teach': 'learn a new word from demonstrations',
    'evaluate': 'look at recorded bags again, without ROS',
    'recognise': 'name what happened in recorded bags',
    'excerpt': 'cut a small bag out of a big one',
    'arm': "check an arm's description, yours or somebody's, before anything moves",
    'export': 'write a trained model as TorchScript',
}
"""Names, and what each command does."""

OPTIONAL = {
    'hypothesis': '`pip install hypothesis`',
    'rclpy': 'source a ROS 2 installation, or `pip install "concept_control[ros]"`',
    'mcap': '`pip install "concept_control[bags]"`',
    'nicegui': '`pip install "concept_control[studio]"`',
    'playwright': '`pip install playwright`',
    'pyarrow': '`pip install "concept_control[lerobot]"`',
    'rosbags': '`pip install "concept_control[bags]"`',
}
"""Modules that only some commands need, and where they come from."""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = CommandParser(
        prog='concept_control',
        description='Teach a robot concepts from a few demonstrations, and make it act on them.',
        epilog='`concept_control COMMAND --help` explains a command. '
        'Start with `concept_control demo`.',
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    add_commands(
        parser,
        'concept_control.cli',
        COMMANDS,
        title='commands',
        dest='command',
        metavar='COMMAND',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal without "±" shall not end what it is told of.
            stream.reconfigure(errors='replace')
    try:
        parser = build_parser()
        args = parser.parse_args(arguments)
        if args.command is None:
            parser.print_help()
            return EXIT_USAGE
        return int(args.run(args))
    except ExpressionError as error:
        print(f'concept_control: {error}', file=sys.stderr)
        return EXIT_USAGE
    except ModuleNotFoundError as error:
        missing = (error.name or '').split('.')[0]
        if missing not in OPTIONAL:
            raise
        command = next(a for a in arguments if not a.startswith('-'))
        print(f'concept_control: {command} needs {missing}: {OPTIONAL[missing]}', file=sys.stderr)
        return EXIT_FAILED
    except ConceptControlError as error:
        print(f'concept_control: {error}', file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has seen enough; nothing is left to flush into the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_FAILED
        if error.strerror is None:
            raise
        where = f'{error.filename}: ' if error.filename else ''
        print(f'concept_control: {where}{error.strerror}', file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print('concept_control: interrupted', file=sys.stderr)
        return EXIT_FAILED


if __name__ == '__main__':
    sys.exit(main())
