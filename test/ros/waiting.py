"""Waiting on conditions, not on time."""

import time

DEADLINE = 120.0


def wait(condition, graph=None, deadline=DEADLINE):
    """Wait until a condition holds; with a graph, fail at once when one of its nodes is gone."""
    end = time.monotonic() + deadline
    while not condition():
        if graph is not None:
            graph.check()
        assert time.monotonic() < end, 'deadline passed'
        time.sleep(0.02)
