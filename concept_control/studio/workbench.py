"""The workbench behind the pages: the table, the lesson, what is asked; one for all pages.

Pages call its methods, which return at once, and read its attributes; what takes longer runs in
one worker thread. Every attribute is replaced, never changed, so a page always reads a whole one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, StudioError
from concept_control.language.expression import parse
from concept_control.language.library import ConceptLibrary, check_name
from concept_control.language.library_store import save, taught_names
from concept_control.language.library_store import undo as undo_word
from concept_control.language.spoken_words import add_words
from concept_control.language.word_list import known_words
from concept_control.language.words import Word, check_usage, taught_word
from concept_control.studio.desk import Desk, Lesson, Question
from concept_control.studio.heat_picture import heat_picture
from concept_control.studio.lesson import (
    Example,
    compare,
    events_of,
    guess_meant,
    heat_map,
    try_out,
    understand,
)
from concept_control.studio.meaning import find_meaning, goal_heat, with_weights
from concept_control.studio.table import Place, Table
from concept_control.studio.worker import Worker
from concept_control.teaching.teach import teach
from concept_control.world.workspace import Workspace

COLORS = ('red', 'blue', 'green', 'yellow', 'magenta')
"""Colours of the things that are on the table at first."""

MAX_UNDO = 100
"""Number of edits that can be taken back."""


@dataclass
class Workbench:
    """State and operations of the studio.

    Args:
        model_folder: Folder of a model; None for the one shipped.
        library: Folder of taught concepts.
        seed: Seed of the tables.

    Attributes:
        desk: What is edited.
        lesson: What the model makes of it.
        question: What is asked.
        words: Words that may be said, by name.
        pointed: Id of the thing whose energy is drawn; None for the one that moves.
        notices: Numbers and texts of what went wrong or was done, the newest last.
        version: Number that counts up with every change.
    """

    model_folder: Path | None
    library: Path
    seed: int = 0
    lesson: Lesson = field(default_factory=Lesson)
    question: Question = field(default_factory=Question)
    words: dict[str, Word] = field(default_factory=dict)
    pointed: int | None = None
    notices: tuple[tuple[int, str], ...] = ()
    version: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        table = Table.of_colors(COLORS, self._rng)
        self.desk = Desk(table, table)
        self._done: list[Desk] = []
        self._numbers = itertools.count(1)
        self._model: ConceptModel | None = None
        self._known = ConceptLibrary()
        self._worker = Worker(self.say)
        self._worker.ask('start', self._load)

    @property
    def is_busy(self) -> bool:
        """Whether something is being computed."""
        return self._worker.is_busy

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def say(self, text: str) -> None:
        """Tell every page something."""
        self.notices = (*self.notices[-9:], (next(self._numbers), text))
        self._changed()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell every page what cannot be done inside the `with` block."""
        try:
            yield
        except ConceptControlError as error:
            self.say(str(error))

    # The table.

    def edit(self, change: Callable[[Table], Table], is_shown: bool = False) -> None:
        """Change the table; what cannot be done is told, and the table stays as it is.

        Args:
            change: Function from a table to another.
            is_shown: Whether the change is part of the example, as dragging is; if not, the
                example begins anew.
        """
        with self.telling():
            desk, table = self.desk, change(self.desk.table)
            self._edited(replace(desk, table=table) if is_shown else desk.anew(table))

    def drag(self, thing_id: int, x: float, y: float) -> None:
        """Put a thing elsewhere."""
        self.edit(lambda table: table.dragged(thing_id, x, y), is_shown=True)

    def add(self, color: str, is_open: bool = False) -> None:
        """Add a block, or an open box."""
        self.edit(lambda table: table.with_new(color, self._rng, is_open))

    def shuffle(self) -> None:
        """Put all things elsewhere, each on the table."""
        self.edit(lambda table: table.spread(self._rng))

    def point_at(self, thing_id: int | None) -> None:
        """Choose the thing whose energy is drawn."""
        self.pointed = thing_id
        self._redraw()

    def undo(self) -> None:
        """Take the last edit back."""
        if not self._done:
            self.say('there is nothing to undo')
            return
        self._put(self._done.pop())

    # The lesson.

    def begin_again(self) -> None:
        """Put things back to where the example began."""
        self._edited(self.desk.anew(self.desk.before))

    def toggle_meant(self, thing_id: int) -> None:
        """Say that the example is about a thing, or is not."""
        desk = self.desk
        if thing_id in desk.example.moved:
            self.say(f'{desk.table.name(thing_id)} moved; click what it moved in relation to')
            return
        meant = tuple(i for i in desk.meant if i != thing_id)
        if thing_id not in desk.meant:
            meant = tuple(sorted((*meant, thing_id)))
        self._edited(replace(desk, meant=meant, is_chosen=True))

    def keep_example(self) -> None:
        """Keep what is on the table as an example, and put things elsewhere for the next."""
        example = self.desk.example
        if not example.moved and not example.meant:
            self.say('nothing moved and nothing is marked: drag a thing, or click what is meant')
            return
        self._take(example)

    def accept_try(self, index: int) -> None:
        """Keep a scene that was solved as it should be."""
        if tried := self._try(index):
            self._take(tried)

    def correct_try(self, index: int) -> None:
        """Put a solved scene on the table, to be put right there and kept."""
        if tried := self._try(index):
            self._put_right(tried, 'put it right, then keep it as an example')

    def show_proposal(self) -> None:
        """Put the example that would decide on the table."""
        understanding = self.lesson.understanding
        if understanding is not None and understanding.proposal is not None:
            self._put_right(
                understanding.proposal,
                'keep it if that is right; else put it right and keep that',
            )

    def _put_right(self, example: Example, text: str) -> None:
        """Put a suggested example on the table, to be put right and kept."""
        examples = self.desk.examples
        self._edited(Desk(example.after, example.before, example.meant, True, examples))
        self.say(text)

    def forget_example(self, index: int) -> None:
        """Take an example away."""
        examples = self.desk.examples
        self._edited(replace(self.desk, examples=examples[:index] + examples[index + 1 :]))

    def new_lesson(self) -> None:
        """Begin another concept."""
        self._edited(Desk(self.desk.table, self.desk.table))

    def name_lesson(self, name: str, replaces: bool = False) -> None:
        """Keep the concept that was taught under a name, once it is inferred."""
        try:
            check_name(name, taught_names(self.library), replaces)
        except ConceptControlError as error:
            self.say(str(error).replace(' on purpose (--replace)', ': tick "replace"'))
            return
        if not self.desk.examples:
            self.say('there is no example yet; drag something and keep it as an example')
            return
        examples = self.desk.examples

        def job() -> None:
            concept, test = teach(self._ready, name, events_of(examples), seed=self.seed)
            save(self.library, concept)
            self.words = {**self.words, name: taught_word(concept)}
            self.say(f'{name} is a word now: {concept.signature}; {test.text}')

        self._worker.ask('teach', job)

    def undo_word(self) -> None:
        """Take the last teaching of a word back."""
        with self.telling():
            self.say(f'undid {undo_word(self.library)}')
        self._worker.ask('words', self._read_words)

    # What is asked.

    def ask(self, text: str) -> None:
        """Ask what an expression means on the table."""
        self.question = Question(text, self.question.meaning)
        self._ask_again()

    def weigh(self, weights: Sequence[float]) -> None:
        """Ask again with other weights of the terms."""
        with self.telling():
            self.ask(str(with_weights(parse(self.question.text), list(weights))))

    def move_there(self) -> None:
        """Put the things where the expression holds: act in the particle world."""
        meaning = self.question.meaning
        if meaning is None:
            self.say('ask for something first')
            return
        self.take_places(meaning.places)

    def take_places(self, places: dict[int, Place]) -> None:
        """Take over where things have come to stand."""
        self._edited(self.desk.anew(self.desk.table.moved(places).settled()))

    # What runs in the worker.

    def run(self, kind: str, job: Callable[[ConceptModel], None]) -> None:
        """Let the worker do something with the model, then show it."""

        def work() -> None:
            job(self._ready)
            self._changed()

        self._worker.ask(kind, work)

    @property
    def _ready(self) -> ConceptModel:
        if self._model is None:
            raise StudioError('the model is still being loaded')
        return self._model

    def _load(self) -> None:
        self._model = ConceptModel.load(self.model_folder)
        self._read_words()

    def _read_words(self) -> None:
        found = known_words(self._ready.card, self.library, Workspace())
        self.words = {word.name: word for word in found if isinstance(word, Word)}
        for error in found:
            if isinstance(error, str):
                self.say(error)
        self._changed()

    def _understand(self) -> None:
        examples = self.desk.examples
        self.lesson = Lesson()
        if not examples:
            self._changed()
            return

        def job() -> None:
            found = understand(self._ready, examples)
            if self.desk.examples == examples:
                self.lesson = Lesson(found)
                self._changed()

        def try_it() -> Iterator[None]:
            found = self.lesson.understanding
            if found is None or self.desk.examples != examples:
                return
            for tried in try_out(self._ready, found, examples[-1], self._rng):
                if self.desk.examples != examples:
                    return
                self.lesson = replace(self.lesson, understanding=tried)
                self._changed()
                yield
            if len(examples) > 1:
                self._worker.ask('agree', agree)

        def agree() -> None:
            model, seed = self._ready, self.seed
            if text := compare(model, examples, seed, lambda: self.desk.examples == examples):
                self.lesson = replace(self.lesson, agreement=text)
                self._changed()

        self._worker.ask('understand', job)
        self._worker.ask('draw', self._draw)
        self._worker.ask('try', try_it)

    def _guess(self) -> None:
        """Guess what the example is about, unless that was chosen."""
        desk = self.desk
        if desk.is_chosen or not desk.example.moved:
            return

        def job() -> None:
            found = guess_meant(self._ready, desk.before, desk.table, desk.examples, self._code())
            if self.desk is desk:
                self.desk = replace(desk, meant=found)
                self._changed()
                self._redraw()

        self._worker.ask('guess', job)

    def _code(self) -> ConceptCode | None:
        understanding = self.lesson.understanding
        return None if understanding is None else understanding.code

    def _redraw(self) -> None:
        """Draw the energies over the table anew."""
        self._worker.ask('draw', self._draw)

    def _draw(self) -> None:
        self._draw_lesson()
        self._draw_question()
        self._changed()

    def _draw_lesson(self) -> None:
        desk, code = self.desk, self._code()
        thing_id = self._drawn(desk.example.moved)
        heat = ''
        if code is not None and thing_id is not None:
            try:
                heat = heat_picture(heat_map(self._ready, code, desk.table, thing_id, desk.roles))
            except ConceptControlError:
                heat = ''  # a concept that only says what is meant has no energy of places
        self.lesson = replace(self.lesson, heat=heat)

    def _draw_question(self) -> None:
        meaning, heat = self.question.meaning, ''
        thing_id = self._drawn(() if meaning is None else meaning.movable)
        if meaning is not None and thing_id in meaning.goal.entity_ids:
            heat = heat_picture(goal_heat(meaning.goal, self.desk.table, int(thing_id)))
        self.question = replace(self.question, heat=heat)

    def _drawn(self, others: Sequence[int]) -> int | None:
        """Return the thing whose energy is drawn: who is pointed at, or the first of others."""
        if self.pointed in self.desk.table.ids:
            return self.pointed
        return others[0] if others else None

    def _ask_again(self) -> None:
        text = self.question.text

        def job() -> None:
            question = Question(text)
            try:
                expression = parse(text)
                check_usage(expression, self.words)
                add_words(expression, self._ready, self._known, self.library)
                found = find_meaning(
                    expression, self.desk.table, self._ready, self._known, self.seed
                )
                question = Question(text, found)
            except ConceptControlError as error:
                question = Question(text, error=str(error))
            if self.question.text == text:
                self.question = question
                self._draw_question()
                self._changed()

        if text.strip():
            self._worker.ask('ask', job)
        else:
            self.question = Question(text)
        self._changed()

    def _take(self, example: Example) -> None:
        table = example.before.shuffled(self._rng)
        self._edited(Desk(table, table, examples=(*self.desk.examples, example)))

    def _try(self, index: int) -> Example | None:
        understanding = self.lesson.understanding
        if understanding is None or index >= len(understanding.tries):
            self.say('these tries are of an older lesson')
            return None
        return understanding.tries[index]

    def _edited(self, desk: Desk) -> None:
        self._done = [*self._done[-MAX_UNDO:], self.desk]
        self._put(desk)

    def _put(self, desk: Desk) -> None:
        """Take over a desk, and compute anew what follows from what is different on it."""
        old, self.desk = self.desk, desk
        self._changed()
        if desk.examples != old.examples:
            self._understand()
        if desk.table != old.table:
            self._guess()
            self._ask_again()
        self._redraw()

    def _changed(self) -> None:
        self.version += 1
