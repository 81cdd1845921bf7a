"""Run one node as a process: executor, signals, the parent's death, exit code.

The data path stays on a SingleThreadedExecutor; nodes do heavy work in threads of their own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from concept_control.errors import ConceptControlError

EXIT_WITH_PARENT = 'CONCEPT_CONTROL_EXIT_WITH_PARENT'
"""Environment variable with a process id: a node ends when that process is gone.

Signals are not enough: who started the nodes may have been killed, and `ros2 launch` leaves its
nodes behind when it gets SIGTERM.
"""

NICENESS = 4
"""Steps of priority by which nodes without deadlines stand back."""

SPIN_PERIOD = 0.5
"""Seconds between looks at whether to end, when no message comes."""


def is_running(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it belongs to somebody else, so it exists
    return True


def lower_priority() -> None:
    """Let others on this machine go first: plans have deadlines, images have not.

    To be called before threads are started, which inherit it.
    """
    os.nice(NICENESS)
    # Linux may weigh sessions against each other before processes. Only where this process is the
    # whole session does it speak for it; under `ros2 launch` all nodes share one.
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path('/proc/self/autogroup').write_text(str(NICENESS))


SWITCH_INTERVAL = 1e-3
"""Time for which a thread keeps Python's interpreter while others wait for it [s]. A callback lets
go of it several times: with Python's 5 ms each, torques came 20 ms late and more."""


def run_node(make_node: Callable[[], Node]) -> NoReturn:
    """Run a node as this process and end it: 0 where `spin` returns 0, else 1.

    The process ends without Python's own tidying up. Taking torch apart takes seconds on a busy
    machine, in which an impatient parent sends the next signal, and nothing of it is needed: the
    node is destroyed, and with it all it had in shared memory.
    """
    code = spin(make_node)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def spin(make_node: Callable[[], Node]) -> int:
    """Spin the node that `make_node` builds until a signal or an error.

    Args:
        make_node: Function that builds the node, once rclpy is initialised. A node with a `close`
            method is closed before it is destroyed; one whose attribute `failure` becomes other
            than None (a thread of it died, and it has logged why) ends the process, and so does
            one whose attribute `is_done` becomes true.

    Returns:
        0 when the node is done, and after SIGINT, SIGTERM or the parent's death; 1 after an
        error, which is printed.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if 'torch' in sys.modules:
        # Two threads on a busy two-core machine turned 0.6 ms into 69 ms.
        sys.modules['torch'].set_num_threads(1)
    sys.setswitchinterval(SWITCH_INTERVAL)
    parent = os.environ.get(EXIT_WITH_PARENT, '')
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = None
    try:
        node = make_node()
        # What a node is made of stays. To look through it for garbage would hold up a plan by
        # 50 ms and more.
        gc.collect()
        gc.freeze()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=SPIN_PERIOD)
            if getattr(node, 'failure', None) is not None:
                return 1
            if getattr(node, 'is_done', False):
                return 0
            if parent.isdigit() and not is_running(int(parent)):
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
            getattr(node, 'close', lambda: None)()
            node.destroy_node()
        rclpy.try_shutdown()
