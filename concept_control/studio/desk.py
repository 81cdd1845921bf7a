"""What lies on the workbench: the table and the lesson, what is made of them, what is asked."""

from __future__ import annotations

from dataclasses import dataclass

from concept_control.studio.lesson import Example, Understanding
from concept_control.studio.meaning import Meaning
from concept_control.studio.table import Table


@dataclass(frozen=True)
class Desk:
    """What is edited, and undone.

    Attributes:
        table: Table as it is.
        before: Table as it was when the example began.
        meant: Ids of what the example is about.
        is_chosen: Whether somebody chose those, or they are guessed.
        examples: Examples that were kept.
    """

    table: Table
    before: Table
    meant: tuple[int, ...] = ()
    is_chosen: bool = False
    examples: tuple[Example, ...] = ()

    def anew(self, table: Table) -> Desk:
        """Return the desk with an example that begins at a table; kept ones stay."""
        return Desk(table, table, examples=self.examples)

    @property
    def example(self) -> Example:
        """The example that is being shown."""
        moved = Example(self.before, self.table, ()).moved
        return Example(self.before, self.table, tuple(i for i in self.meant if i not in moved))

    @property
    def roles(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids of what acts and of what it is about; what is not shown yet is as last time."""
        example = self.example
        if not self.examples:
            return example.roles
        subjects, meant = self.examples[-1].roles
        if subjects == meant:
            return subjects, meant
        return example.moved, example.meant or tuple(i for i in meant if i not in example.moved)


@dataclass(frozen=True)
class Question:
    """What is asked of the table.

    Attributes:
        text: Expression as it was typed.
        meaning: What it means; None while that is unknown.
        error: What is wrong with it; '' for nothing.
        heat: Picture of the goal's energy over the table, as a data URL; '' for none.
    """

    text: str = ''
    meaning: Meaning | None = None
    error: str = ''
    heat: str = ''


@dataclass(frozen=True)
class Lesson:
    """What the model makes of the examples that were kept.

    Attributes:
        understanding: What they were understood to mean; None while that is unknown.
        agreement: Verdict of the examples on one another; '' while that is unknown.
        heat: Picture of the energy over the table, as a data URL; '' for none.
    """

    understanding: Understanding | None = None
    agreement: str = ''
    heat: str = ''
