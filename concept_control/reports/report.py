"""What a benchmark finds: printed as it comes, and kept for a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from concept_control.reports import page
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import fill_rows, text_table


class Report:
    """Headings, tables, sentences and pictures in their order; pictures are on the page only."""

    def __init__(self, title: str) -> None:
        """Begin with the provenance; the title is that of the page."""
        self._title, self._provenance = title, sentence()
        self._blocks: list[Callable[[], Markup]] = []
        print(self._provenance)

    def heading(self, text: str) -> None:
        """Begin a section."""
        print(f'\n{text}', flush=True)
        self._blocks.append(lambda: page.heading(text[0].upper() + text[1:]))

    def say(self, text: str, is_note: bool = False) -> None:
        """Add a paragraph."""
        print(text, flush=True)
        self._blocks.append(lambda: page.paragraph(text, 'note' if is_note else ''))

    def table(self, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Add a table; arguments as for `fill_rows`."""
        self.cells(columns, fill_rows(columns, rows))

    def cells(self, header: Iterable[str], rows: Sequence[Sequence[object]]) -> None:
        """Add a table whose cells are formatted already."""
        print(text_table(header, rows), flush=True)
        self._blocks.append(lambda: page.table(header, rows))

    def show(self, draw: Callable[..., Figure], *arguments: Any) -> None:
        """Add a picture, which is drawn from these arguments when the page is written."""
        self._blocks.append(lambda: page.picture(draw(*arguments)))

    def write(self, path: Path | None, further: Iterable[Markup] = ()) -> None:
        """Write the page, if a file is asked for, with further blocks at its end."""
        if path is not None:
            blocks = [*(make() for make in self._blocks), *further]
            page.write_page(path, self._title, blocks, self._provenance)
            print(f'page: {path}')
