"""Run one node as a process: executor, signals, the parent's death, exit code.

The data path stays on a SingleThreadedExecutor; nodes do heavy work in threads of their own.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from concept_control.errors import ConceptControlError

EXIT_WITH_PARENT = 'CONCEPT_CONTROL_EXIT_WITH_PARENT'
"""Environment variable: a node ends when the process that started it is gone."""

SPIN_PERIOD = 0.5
"""Seconds between looks at whether to end, when no message comes."""


def run(make_node: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Spin the node that `make_node` builds until a signal or an error.

    Args:
        make_node: builds the node; called after rclpy is initialised. A node with a `close`
            method is closed before it is destroyed; one whose attribute `failure` becomes other
            than None (a thread of it died, and it has logged why) ends the process.
        args: command line, `sys.argv` where None.

    Returns:
        0 after SIGINT, SIGTERM or the parent's death; 1 after an error, which is printed.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    parent = os.getppid() if os.environ.get(EXIT_WITH_PARENT) else None
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node = None
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=SPIN_PERIOD)
            if getattr(node, 'failure', None) is not None:
                return 1
            if parent is not None and os.getppid() != parent:
                node.get_logger().warning('the process that started this node is gone: ending')
                break
        return 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except ConceptControlError as error:
        print(f'{sys.argv[0]}: {error}', file=sys.stderr, flush=True)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        if node is not None:
            close = getattr(node, 'close', None)
            if close is not None:
                close()
            node.destroy_node()
        rclpy.try_shutdown()
