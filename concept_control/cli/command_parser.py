"""Subcommands whose modules are imported only when they are given."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn


class CommandParser(argparse.ArgumentParser):
    """Parser of one command; its module is imported when the command is parsed.

    The module has `add_arguments(parser)`, and `main(args) -> int` unless it only declares
    subcommands; DESCRIPTION and EPILOG are printed as they are, where it has them. Some modules
    need ROS, others MuJoCo or torch, and `--help` needs none of them.

    Attributes:
        module: Name of the command's module; None once its arguments are declared.
    """

    module: str | None = None

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one sentence, and end with the exit code of wrong usage."""
        hint = '' if '\n' in message else f' (see `{self.prog} --help`)'
        self.exit(2, f'{self.prog}: {message}{hint}\n')

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Declare the command's own arguments, then parse."""
        if self.module is not None:
            module, self.module = import_module(self.module), None
            module.add_arguments(self)
            if hasattr(module, 'DESCRIPTION'):
                self.description, self.epilog = module.DESCRIPTION, module.EPILOG
                self.formatter_class = argparse.RawDescriptionHelpFormatter
            if hasattr(module, 'main'):
                self.set_defaults(run=module.main)
        return super().parse_known_args(args, namespace)


def add_commands(
    parser: argparse.ArgumentParser, package: str, commands: Mapping[str, str], **options: Any
) -> None:
    """Declare one subcommand for each module of a package.

    Args:
        parser: Parser of what stands before the subcommands.
        package: Dotted name of the package; a "-" in a command is a "_" in its module's name.
        commands: Names, and what each command does.
        options: Arguments of `ArgumentParser.add_subparsers`.
    """
    which = parser.add_subparsers(parser_class=CommandParser, **options)
    for name, text in commands.items():
        command = which.add_parser(name, help=text, description=text[0].upper() + text[1:] + '.')
        command.module = f'{package}.{name.replace("-", "_")}'
