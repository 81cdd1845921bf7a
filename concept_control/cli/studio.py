"""`concept_control studio`: a page in the browser to teach concepts, ask for them and watch."""

from __future__ import annotations

import argparse

from concept_control.cli.options import add_config, config_from
from concept_control.cli.process import use_one_thread
from concept_control.paths import library_folder
from concept_control.studio.config import StudioConfig, check_address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control studio`."""
    parser.epilog = (
        'Teach: drag a thing, keep it as an example, read what was understood. Ask: type an '
        'expression and see what it means. Act: watch a simulated arm do it. ROS is not needed. '
        'Ctrl+C ends it.'
    )
    add_config(
        parser,
        StudioConfig,
        ros={'help': 'watch and command a robot that runs in ROS, instead of a simulated one'},
        namespace={'help': "of that robot's nodes"},
    )


def main(args: argparse.Namespace) -> int:
    """Serve the page until it is interrupted."""
    config = config_from(StudioConfig, args)
    check_address(config.host, config.port)
    from concept_control.studio.server import serve  # noqa: PLC0415 - needs the extra; slow

    use_one_thread()
    serve(
        config,
        config.library or library_folder(),
        lambda address: print(f'open {address} in a browser; Ctrl+C ends it', flush=True),
    )
    return 0
