"""The keyboard of a page: what acts on the table, and what an element keeps to itself."""

from __future__ import annotations

from nicegui.element import Element

STEP = 0.04
"""Distance by which an arrow key moves the selected thing [workspace units]."""

ARROWS = {
    'ArrowLeft': (-1, 0),
    'ArrowRight': (1, 0),
    'ArrowUp': (0, 1),
    'ArrowDown': (0, -1),
}
"""Directions of the arrow keys."""

HELP = 'Keys: N next thing, arrows move it, M mark it, Enter keep the example, Ctrl+Z undo'


def keep_keys(element: Element) -> None:
    """Let keys that are pressed in an element do what they do there, and nothing to the table."""
    element.on('keydown.stop', js_handler='() => {}')
