"""Teaching while the node runs: `Demonstration` messages, or markers beside what is watched.

Threads: callbacks only queue what came, a marker together with what was seen at that moment; one
worker infers, tests, keeps and adds to the library. Between messages it looks whether
`concept_control teach` has put a new concept into the folder.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from rclpy.node import Node
from std_msgs.msg import String

from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, EventError, LibraryError
from concept_control.language.library import ConceptLibrary, LibraryConcept, check_name
from concept_control.language.library_store import load, save
from concept_control.msg import Demonstration
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.teaching.segmenter import Segmenter
from concept_control.teaching.teach import teach
from concept_control.world.demonstrations import MAX_DEMONSTRATIONS, demonstration, join
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

LOOK_PERIOD = 1.0
"""Seconds between looks into the folder."""

MAX_WAITING = 200
"""Messages that wait to be worked on; more are refused."""

MAX_STATES = 1000
"""States of one demonstration; only the first and the last are used."""

MAX_SETS = 8
"""Concepts whose demonstrations are being collected at the same time."""

Marker = tuple[str, dict[int, EntityState]]
"""A marker's text, and what was seen when it came."""


class Teacher:
    """Learns concepts for a node.

    Args:
        node: whose topics are used.
        workspace: maps the table to the particle world.
        frame: of all entities.
        model: infers.
        folder: where taught concepts are kept.
        seen: returns the entities seen now.
        library: returns the node's library.
        on_learned: called from the worker when the library has changed.
        on_said: called from the worker with a name, a sentence and whether it went well.
        on_failed: called from the worker with an error nobody foresaw, before it ends.
        keeps_disagreeing: whether demonstrations that do not agree are learned from all the same.
    """

    def __init__(
        self,
        node: Node,
        workspace: Workspace,
        frame: str,
        model: ConceptModel,
        folder: Path,
        seen: Callable[[], dict[int, EntityState]],
        library: Callable[[], ConceptLibrary],
        on_learned: Callable[[], None],
        on_said: Callable[[str, str, bool], None],
        on_failed: Callable[[Exception], None],
        keeps_disagreeing: Callable[[], bool],
    ) -> None:
        self._node, self._workspace, self._frame = node, workspace, frame
        self._model, self._folder = model, folder
        self._seen, self._library = seen, library
        self._on_learned, self._on_said, self._on_failed = on_learned, on_said, on_failed
        self._keeps_disagreeing = keeps_disagreeing
        self._waiting: queue.Queue[Demonstration | Marker | None] = queue.Queue(MAX_WAITING)
        self._sets: dict[str, list[Events]] = {}
        self._segmenter = Segmenter(model, ConceptLibrary())
        self._files: dict[Path, int] = {}
        node.create_subscription(
            Demonstration, 'demonstrations', self._on_demonstration, qos.RELIABLE
        )
        node.create_subscription(String, 'demonstration_marker', self._on_marker, qos.RELIABLE)
        self._worker = threading.Thread(target=self._work, name='teaching', daemon=True)

    def start(self) -> None:
        """Begin, once the library is there."""
        self._worker.start()

    def close(self) -> None:
        """Stop the worker."""
        if self._worker.is_alive():
            self._waiting.put(None)
            self._worker.join(timeout=3.0)

    def look(self) -> bool:
        """Take in concepts that appeared or changed in the folder; tell whether any did."""
        has_changed = False
        paths = sorted(self._folder.glob('*.npz')) if self._folder.is_dir() else []
        for path in paths:
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue  # gone between the two looks
            if self._files.get(path) == changed:
                continue
            self._files[path] = changed
            try:
                concept = load(path, self._model)
            except ConceptControlError as error:
                self._node.get_logger().error(f'not taken into the library: {error}')
                continue
            if not self._is_known(concept):
                self._library().add(concept)
                has_changed = True
        return has_changed

    def _is_known(self, concept: LibraryConcept) -> bool:
        library = self._library()
        known = library.get(concept.name) if concept.name in library else None
        return known is not None and known.demonstrations_hash == concept.demonstrations_hash

    def _on_demonstration(self, message: Demonstration) -> None:
        self._queue(message, message.name)

    def _on_marker(self, message: String) -> None:
        self._queue((message.data, self._seen()), message.data)

    def _queue(self, what: Demonstration | Marker, name: str) -> None:
        try:
            self._waiting.put_nowait(what)
        except queue.Full:
            self._node.get_logger().error(
                f'{name[:60]!r} was dropped: {MAX_WAITING} demonstrations are waiting already',
                throttle_duration_sec=2.0,
            )

    def _work(self) -> None:
        try:
            while True:
                try:
                    what = self._waiting.get(timeout=LOOK_PERIOD)
                except queue.Empty:
                    if self.look():
                        self._on_learned()
                    continue
                if what is None:
                    return
                try:
                    self._take(what)
                except ConceptControlError as error:
                    name = what.name if isinstance(what, Demonstration) else what[0]
                    self._on_said(name[:60], str(error), False)
        except Exception as error:
            self._node.get_logger().fatal(f'teaching failed: {error!r}')
            self._on_failed(error)

    def _take(self, what: Demonstration | Marker) -> None:
        if isinstance(what, Demonstration):
            self._take_message(what)
            return
        text, states = what
        self._segmenter.library = self._library()
        blocks = {i: state for i, state in states.items() if i != TOOL_ID}
        before = self._segmenter.num
        finished = self._segmenter.mark(text, Tabletop.from_entities(blocks, self._workspace))
        if finished is not None:
            self._learn(finished.name, list(finished.demonstrations))
        elif self._segmenter.num > before:
            name, number = self._segmenter.name, self._segmenter.num
            self._on_said(name, f'{number} demonstrations of {name} were seen', True)

    def _take_message(self, message: Demonstration) -> None:
        self._check_name(message.name)
        shown = self._event_of(message)
        if message.name not in self._sets and len(self._sets) >= MAX_SETS:
            raise LibraryError(
                f'demonstrations of {", ".join(self._sets)} wait for their last one; at most '
                f'{MAX_SETS} concepts are taught at the same time'
            )
        collected = self._sets.setdefault(message.name, [])
        if len(collected) >= MAX_DEMONSTRATIONS:
            del self._sets[message.name]
            raise LibraryError(
                f'{MAX_DEMONSTRATIONS} demonstrations of {message.name} and none was the last: '
                'forgotten'
            )
        collected.append(shown)
        if message.last:
            self._learn(message.name, self._sets.pop(message.name))

    def _event_of(self, message: Demonstration) -> Events:
        if not 1 <= len(message.states) <= MAX_STATES:
            raise EventError(
                f'a demonstration of {message.name} has {len(message.states)} states; expected '
                f'1 to {MAX_STATES}'
            )
        subjects, arguments = map(int, message.subjects), map(int, message.arguments)
        roles = (tuple(subjects), tuple(arguments))
        has_tool = TOOL_ID in (*roles[0], *roles[1])
        before, after = (self._scene(message.states[i], has_tool) for i in (0, -1))
        return demonstration(before, after, *roles)

    def _scene(self, message: Demonstration, has_tool: bool) -> Tabletop:
        states = convert.entity_states(message, self._frame)
        if not has_tool:
            states.pop(TOOL_ID, None)
        return Tabletop.from_entities(states, self._workspace)

    def _check_name(self, name: str) -> None:
        """Refuse names no expression can use, and shipped words; taught ones are taught anew."""
        library = self._library()
        is_taught = name in library and library.get(name).source != 'shipped'
        check_name(name, replace=is_taught)

    def _learn(self, name: str, shown: list[Events]) -> None:
        self._check_name(name)
        concept, test = teach(self._model, name, join(shown))
        if test.agrees is False and not self._keeps_disagreeing():
            raise LibraryError(f'{name} was not learned: {test.text}')
        kept = ''
        try:
            path = save(self._folder, concept)
            self._files[path] = path.stat().st_mtime_ns
        except (LibraryError, OSError) as error:
            kept = f'; it will be forgotten when the node ends: {error}'
        self._library().add(concept)
        self._on_learned()
        ways = [concept.signature] if concept.acts else []
        ways += [f'{name} (to select)'] if concept.selects else []
        self._on_said(name, f'learned {" and ".join(ways)}: {test.text}{kept}', True)
