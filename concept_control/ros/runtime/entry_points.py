"""The entry points of the node processes; also `python -m <this module> NODE`.

Importing a node takes seconds, in which Ctrl-C would print a traceback from the middle of some
library. Here it ends the process at once and cleanly; a node's own `run` takes over from there.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from importlib import import_module
from typing import NoReturn

NODE_MODULES = {
    'arm_simulator': 'concept_control.ros.nodes.arm_simulator',
    'concept_model': 'concept_control.ros.nodes.concept_model.node',
    'entity_extractor': 'concept_control.ros.nodes.entity_extractor.node',
    'entity_relay': 'concept_control.ros.nodes.entity_relay',
    'mpc_controller': 'concept_control.ros.nodes.mpc_controller.node',
    'particle_world': 'concept_control.ros.nodes.particle_world',
    'wait_until_ready': 'concept_control.ros.nodes.wait_until_ready',
}
"""Executable to the module whose `main` it runs."""


def start(node: str) -> NoReturn:
    """Import a node's module and run it.

    Args:
        node: Name of the executable, a key of `NODE_MODULES`.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    import_module(NODE_MODULES[node]).main()
    raise AssertionError(f'{node} has come back: its main must end the process')


arm_simulator = partial(start, 'arm_simulator')
concept_model = partial(start, 'concept_model')
entity_extractor = partial(start, 'entity_extractor')
entity_relay = partial(start, 'entity_relay')
mpc_controller = partial(start, 'mpc_controller')
particle_world = partial(start, 'particle_world')
wait_until_ready = partial(start, 'wait_until_ready')

if __name__ == '__main__':
    start(sys.argv.pop(1))
