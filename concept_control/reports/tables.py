"""Tables and numbers of things for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate


def counted(number: int, thing: str) -> str:
    """Return a number of things, such as "1 demonstration" and "2 demonstrations"."""
    return f'{number} {thing}{"" if number == 1 else "s"}'


def text_table(
    header: Iterable[str], rows: Iterable[Sequence[object]], align: str = 'right'
) -> str:
    """Return aligned text, the first column aligned left.

    Args:
        header: Titles of the columns.
        rows: Cells, already formatted for people.
        align: Alignment of the other columns, 'left' or 'right'.
    """
    titles = list(header)
    return tabulate(
        [[str(cell) for cell in row] for row in rows],
        titles,
        tablefmt='plain',
        colalign=('left', *(align for _ in titles[1:])),
        disable_numparse=True,
    )


def fill_rows(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return the cells of a table.

    Args:
        columns: Titles of the columns and the format of a cell below, such as "{error:.2f}".
        rows: Values by name, from which the formats are filled.
    """
    return [[text.format_map(row) for text in columns.values()] for row in rows]


def filled_table(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the aligned text of a table; arguments as for `fill_rows`."""
    return text_table(columns, fill_rows(columns, rows))
