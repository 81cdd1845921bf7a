"""A session with one running robot: expressions and a few commands, one a line.

Threads: commands run in the calling thread. Each command of the robot has a thread of its own that
waits for its end and prints it, since people go on typing meanwhile.
"""

from __future__ import annotations

import cmd
import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from concept_control.demos.demo_run import blocks_of, entity_text, goal_text, say, status_text
from concept_control.errors import ConceptControlError
from concept_control.interfaces.constants import Outcome
from concept_control.language.expression import RESERVED, parse
from concept_control.language.words import Word, check_usage, find_word, word_of, word_table
from concept_control.replay.concepts import concept_of_message
from concept_control.reports.tables import counted
from concept_control.ros.client.commander import CommanderError
from concept_control.ros.client.session import RobotSession
from concept_control.ros.runtime.simulated_graph import START_TIMEOUT, GraphConfig, simulated_graph
from concept_control.world.workspace import Workspace

ATTACH_TIMEOUT = 15.0
"""Seconds in which a robot that runs already must be heard."""

Session = tuple[RobotSession, Callable[[], None]]
"""A client of the robot, and what raises if the robot is gone."""


@contextmanager
def simulated_session(config: GraphConfig) -> Iterator[Session]:
    """Start a simulated robot, which ends with the session.

    Raises:
        ConceptControlError: if it does not come up, or another one runs in the same ROS domain.
    """
    graph, logs = simulated_graph(config)
    say(f'starting {", ".join(config.executables)} (logs in {logs})')
    num_blocks = len(config.blocks)
    with RobotSession() as robot, graph:
        needed: dict[str, Callable[[], bool]] = {
            f'{counted(num_blocks, "block")} on the table': lambda: num_seen(robot) == num_blocks,
            'the words': lambda: bool(robot.concepts),
            'the controller': lambda: robot.status is not None,
        }
        graph.wait_for_all(needed, START_TIMEOUT)
        if robot.num_robots > 1:
            raise ConceptControlError(
                'another robot runs in the same ROS domain; end it, give this one another '
                'ROS_DOMAIN_ID, or command that one with --attach'
            )
        yield robot, graph.check


@contextmanager
def attached_session(namespace: str) -> Iterator[Session]:
    """Command a robot that runs already, and goes on afterwards.

    Args:
        namespace: Namespace of its nodes.

    Raises:
        ConceptControlError: if none is heard.
    """
    with RobotSession(namespace) as robot:
        end = time.monotonic() + ATTACH_TIMEOUT
        while not robot.concepts:
            if time.monotonic() > end:
                domain = os.environ.get('ROS_DOMAIN_ID', '0')
                raise ConceptControlError(
                    f'no words were heard within {ATTACH_TIMEOUT:g} s; is concept_model running, '
                    f'in the namespace {namespace or "/"}, in ROS_DOMAIN_ID {domain}?'
                )
            time.sleep(0.02)
        yield robot, lambda: None


def num_seen(robot: RobotSession) -> int:
    """Return how many blocks are seen."""
    return 0 if robot.entities is None else len(blocks_of(robot.entities))


try:
    import readline
except ImportError:  # not on every system; lines are read without history then
    readline = None  # type: ignore[assignment]

GROUNDING_PATIENCE = 30.0
"""Seconds by which a command must have become a goal, or been refused."""

MARKER_PATIENCE = 10.0
"""Seconds in which a marker of a demonstration must be answered."""

LEARNING_PATIENCE = 120.0
"""Seconds in which a concept must be learned."""

POLL_PERIOD = 0.02
"""Seconds between looks."""

MAX_HISTORY = 1000
"""Number of lines that are remembered."""

GOOD = frozenset({Outcome.SATISFIED, Outcome.CANCELLED, Outcome.REPLACED})
"""Ways to end that are no failure: it was reached, or people wanted something else."""


_ARGUMENTS = {'wait': '[SECONDS]', 'words': '[NAME]', 'teach': 'NAME(SUBJECTS; ARGUMENTS)'}
"""What stands behind the commands that take something."""


class ConceptShell(cmd.Cmd):
    """Reads lines, from a person or a file, and does what they say.

    Attributes:
        num_failed: Number of lines that were refused or whose command failed.
    """

    def __init__(
        self,
        robot: RobotSession,
        workspace: Workspace,
        seed: int = 0,
        check: Callable[[], None] = lambda: None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ) -> None:
        """Prepare; nothing is read or sent.

        Lengths are told on the workspace of the arm; `check` raises if the robot is gone. Streams
        that are None are those of the process.
        """
        super().__init__(stdin=stdin, stdout=stdout)
        self.num_failed = 0
        self._robot, self._workspace, self._seed, self._check = robot, workspace, seed, check
        self._is_person = self.stdin.isatty()
        self.use_rawinput = self._is_person and stdin is None
        self.prompt = '> ' if self._is_person else ''
        self._announcer: threading.Thread | None = None

    def run(self, history: Path | None = None) -> None:
        """Read lines until there are no more; wait for the last command of a file.

        Args:
            history: File of the lines that a person has typed before; None for none.

        Raises:
            ConceptControlError: if the robot is gone.
        """
        with contextlib.ExitStack() as stack:
            if self.use_rawinput and history is not None and readline is not None:
                stack.enter_context(_editing(history))
            while True:
                try:
                    self.cmdloop()
                    break
                except KeyboardInterrupt:
                    if not self._is_person:
                        raise
                    print('(cancel lets the arm hold, quit ends)', file=self.stdout)
        if not self._is_person:
            self.do_wait('')

    def do_status(self, _: str) -> None:
        """Tell what the robot does now."""
        status = self._robot.status
        if status is None:
            raise CommanderError('the controller has said nothing yet')
        self._say(f'{status.expression or "no command"}: {status_text(status)}')

    def do_wait(self, seconds: str) -> None:
        """Wait until the last command has ended; Ctrl-C waits no longer."""
        try:
            limit = float(seconds or 'inf')
        except ValueError:
            limit = math.nan
        if not limit >= 0.0:
            raise CommanderError(f'{seconds!r} is no number of seconds')
        end = time.monotonic() + limit
        while self._announcer is not None and self._announcer.is_alive():
            self._check()
            if time.monotonic() > end:
                raise CommanderError(f'the command has not ended within {limit:g} s')
            self._announcer.join(POLL_PERIOD)

    def do_cancel(self, _: str) -> None:
        """Give the command up; the arm holds."""
        self._robot.cancel()

    def do_pause(self, _: str) -> None:
        """Let the arm hold, and keep the command."""
        self._robot.pause()

    def do_resume(self, _: str) -> None:
        """Go on after a pause."""
        self._robot.resume()

    def do_things(self, _: str) -> None:
        """List what is seen on the table."""
        entities = self._robot.entities
        if entities is None:
            raise CommanderError('nothing was seen yet; is the camera running?')
        self._say('\n'.join(map(entity_text, blocks_of(entities))) or 'the table is empty')

    def do_words(self, name: str) -> None:
        """List what may be said, or tell what one word means in numbers."""
        words = self._words()
        self._say(find_word(words, name).describe() if name else word_table(words.values()))

    def do_teach(self, text: str) -> None:
        """Begin a demonstration of a word: the table now is the state before."""
        answer = self._robot.mark(f'begin {text}', MARKER_PATIENCE)
        self._say(f'{answer}; move things, by hand or by a command, then: end')

    def do_end(self, _: str) -> None:
        """End a demonstration; teach begins the next one."""
        self._say(f'{self._robot.mark("end", MARKER_PATIENCE)}; teach again, or: learn')

    def do_learn(self, _: str) -> None:
        """Learn the word from its demonstrations."""
        self._say(self._robot.mark('learn', LEARNING_PATIENCE))

    def do_discard(self, _: str) -> None:
        """Forget demonstrations that were not learned from."""
        self._say(self._robot.mark('discard', MARKER_PATIENCE))

    def do_help(self, _: str) -> None:
        """List the commands."""
        self._say('an expression such as between(red; blue, green) makes it hold; and:')
        for name in self._commands():
            usage = f'{name} {_ARGUMENTS.get(name, "")}'
            self._say(f'  {usage:33}{getattr(self, f"do_{name}").__doc__}')

    def do_quit(self, _: str) -> bool:
        """End the session, as Ctrl-D does."""
        return True

    def do_EOF(self, _: str) -> bool:  # noqa: N802  (what cmd calls the end of the input)
        """End the session."""
        return True

    def default(self, line: str) -> None:
        """Make an expression hold."""
        if '(' not in line:
            raise CommanderError(f'{line!r} is no command and no expression; help lists them')
        expression = parse(line)
        check_usage(expression, self._words())
        self._robot.go(str(expression), seed=self._seed)
        self._announcer = threading.Thread(
            target=self._announce, args=(str(expression),), name='announcer', daemon=True
        )
        self._announcer.start()
        end = time.monotonic() + GROUNDING_PATIENCE
        while self._robot.goal is None and not self._robot.is_done:
            self._check()
            if time.monotonic() > end:
                raise CommanderError(f'no goal and no refusal within {GROUNDING_PATIENCE:g} s')
            time.sleep(POLL_PERIOD)
        if self._robot.goal is not None:
            self._say(goal_text(self._robot.goal))
        if self._robot.is_done:
            self._announcer.join()

    def emptyline(self) -> bool:
        """Do nothing."""
        return False

    def parseline(self, line: str) -> tuple[str | None, str | None, str]:
        """Split a line into command and rest; a word with parentheses is an expression."""
        name, rest, line = super().parseline(line)
        return ('', line, line) if rest and rest.startswith('(') else (name, rest, line)

    def onecmd(self, line: str) -> bool:
        """Do what one line says; what cannot be done is said in a sentence."""
        self._check()
        if not self._is_person and line != 'EOF':
            self._say(f'> {line}')
        try:
            return bool(super().onecmd(line))
        except ConceptControlError as error:
            self._check()
            self.num_failed += 1
            self._say(str(error))
            return False

    def completenames(self, text: str, *_: object) -> list[str]:
        """Return the commands and words that begin with a text."""
        return self._beginning_with(text, [*self._commands(), 'not'])

    def completedefault(self, text: str, *_: object) -> list[str]:
        """Return what may stand inside an expression, or behind a command."""
        ids = [f'#{entity.id}' for entity in blocks_of(self._robot.entities)]
        return self._beginning_with(text, [*RESERVED, *ids])

    def _beginning_with(self, text: str, others: list[str]) -> list[str]:
        words = [f'{word.name}(' if word.acts else word.name for word in self._words().values()]
        return [name for name in [*others, *words] if name.startswith(text)]

    def _commands(self) -> list[str]:
        names = [name.removeprefix('do_') for name in vars(ConceptShell) if name[:3] == 'do_']
        return [name for name in names if name != 'EOF']

    def _words(self) -> dict[str, Word]:
        found = [concept_of_message(concept) for concept in self._robot.concepts.values()]
        return {concept.name: word_of(concept, self._workspace) for concept in found}

    def _announce(self, expression: str) -> None:
        """Wait for the end of the command that was just given, and print it."""
        result = self._robot.result(wait=threading.TIMEOUT_MAX)
        self.num_failed += result.outcome not in GOOD
        self._say(f'{expression}: {result.outcome.name.lower()}: {result.text}')
        if self._is_person:
            typed = readline.get_line_buffer() if readline else ''
            print(f'{self.prompt}{typed}', end='', file=self.stdout, flush=True)

    def _say(self, text: str) -> None:
        is_typing = self._is_person and threading.current_thread() is self._announcer
        print(f'\n{text}' if is_typing else text, file=self.stdout, flush=True)


@contextlib.contextmanager
def _editing(history: Path) -> Iterator[None]:
    """Let a person edit lines, complete them, and go through those of former sessions."""
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(MAX_HISTORY)
    readline.set_completer_delims(' ();,*')
    try:
        yield
    finally:
        # A session is worth more than its history.
        with contextlib.suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(history)
