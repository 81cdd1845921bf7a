"""The architecture, held by walking the source: import order, homes of libraries, sizes, tests."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'concept_control'

IMPORT_ORDER = (
    {'errors', 'input_files', 'model_files', 'output_files', 'paths', 'seeding'},
    {'world', 'reports'},
    {'concepts', 'perception', 'policy', 'energy', 'control'},
    {'simulation', 'training', 'interfaces', 'language'},
    {'teaching'},
    {'bags'},
    {'recognition', 'replay'},
    {'ros'},
    {'benchmarks'},
    {'demos', 'studio'},
    {'cli'},
)
"""A file imports from its own room and from rooms on earlier lines; see docs/architecture.md."""

WITHIN = {
    ('input_files', 'errors'),
    ('model_files', 'errors'),
    ('model_files', 'input_files'),
    ('model_files', 'output_files'),
    ('paths', 'errors'),
}
"""Imports between two rooms of one line, which the order alone would not allow."""

HOMES = {
    'rclpy': ('ros', 'benchmarks/graph', 'demos'),
    'concept_control.msg': ('ros', 'benchmarks/graph', 'demos'),
    'concept_control.action': ('ros', 'benchmarks/graph', 'demos'),
    'mujoco': ('control/arm', 'simulation', 'benchmarks/control'),
    'rosbags': ('bags', 'ros/client'),
    'mcap': ('bags', 'ros/client'),
    'pyarrow': ('bags',),
    'argparse': ('cli',),
    'nicegui': ('studio',),
    'playwright': ('studio/browser',),
    'starlette': ('studio',),
    'jinja2': ('reports',),
    'tabulate': ('reports',),
}
"""Libraries and generated modules that only some folders may import."""

MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 60

WHOLE_PRODUCT = {'test_architecture', 'test_docs', 'test_readme'}
"""Tests that are about no single module."""


def modules():
    """Entry points (`__main__`) stand outside the order, as those of pyproject.toml do."""
    return sorted(p for p in PACKAGE.rglob('*.py') if p.name != '__main__.py')


def module_name(path):
    return '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')


FILES = {module_name(path): path for path in modules()}


def imports(path):
    """Yield every module that a file imports, wherever and however it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            for alias in node.names:
                name = f'{node.module}.{alias.name}'
                yield name if name in FILES or node.module == 'concept_control' else node.module


def room(name):
    return name.split('.')[1]


def test_a_module_imports_only_from_its_room_and_those_before_it():
    wrong = []
    for name, path in FILES.items():
        if '.' not in name:
            continue
        line = next(i for i, rooms in enumerate(IMPORT_ORDER) if room(name) in rooms)
        earlier = set().union(*IMPORT_ORDER[:line])
        relative = str(path.relative_to(PACKAGE))
        for other in set(imports(path)):
            is_elsewhere = other in FILES and '.' in other and room(other) != room(name)
            may = not is_elsewhere or room(other) in earlier or (room(name), room(other)) in WITHIN
            wrong += [] if may else [f'{name} imports {other}']
            for library, homes in HOMES.items():
                is_it = other == library or other.startswith(library + '.')
                if is_it and not relative.startswith(homes):
                    wrong.append(f'{name} imports {other}')
    assert wrong == []


def test_only_one_file_says_torch_jit():
    assert [p.name for p in modules() if 'torch.jit' in p.read_text()] == ['torchscript.py']


def test_goals_are_made_in_one_place():
    """Beside it stand only the energies whose solution is known in closed form."""
    makers = {p.name for p in modules() if 'GroundedGoal(' in p.read_text()} - {'goal.py'}
    assert makers == {'goals.py', 'tool_between.py'}


def test_no_imports_go_in_a_circle():
    graph = defaultdict(set)
    for name, path in FILES.items():
        graph[name] = {other for other in imports(path) if other in FILES and other != name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f'a circle of imports: {" -> ".join(error.args[1])}')


def test_files_and_functions_stay_short():
    long = []
    for path in modules():
        text = path.read_text()
        lines = text.count('\n')
        long += [f'{path.name}: {lines} lines'] if lines > MAX_FILE_LINES else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f'{path.name}: {node.name} has {lines} lines')
    assert long == []


def test_the_tests_mirror_the_package():
    """`test/a/test_b_more.py` tests `concept_control/a/b.py`, or the folder `a/b`."""
    homeless = []
    for path in (ROOT / 'test').rglob('test_*.py'):
        folder = path.relative_to(ROOT / 'test').parent
        if path.stem in WHOLE_PRODUCT or folder.parts[:1] == ('launch',):
            continue
        words = path.stem.removeprefix('test_').split('_')
        stems = ['_'.join(words[:end]) for end in range(1, len(words) + 1)]
        here = PACKAGE / folder
        if not any((here / f'{s}.py').is_file() or (here / s).is_dir() for s in stems):
            homeless.append(str(path.relative_to(ROOT)))
    assert homeless == []


def interfaces():
    return [*(ROOT / 'msg').glob('*.msg'), *(ROOT / 'action').glob('*.action')]


def test_every_dependency_of_the_messages_is_declared():
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    declared = {e.text for e in package if e.tag.endswith('depend')}
    used = set()
    for message in interfaces():
        for line in message.read_text().splitlines():
            word = line.split('#')[0].strip().split(' ')[0]
            if '/' in word:
                used.add(word.split('/')[0])
    assert used and used <= declared
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    assert all(f'find_package({name} REQUIRED)' in cmake for name in used)


def test_every_field_of_the_messages_is_commented():
    for message in interfaces():
        for number, line in enumerate(message.read_text().splitlines(), 1):
            if line.strip() and not line.strip().startswith('#') and line != '---':
                assert '#' in line, f'{message.name}:{number} has no comment: {line}'


def test_the_nine_messages_are_there():
    assert {p.stem for p in (ROOT / 'msg').glob('*.msg')} >= {
        'Entity', 'EntityArray', 'ConceptTerm', 'ConceptCommand', 'ConceptGoal', 'ConceptStatus',
        'Concept', 'ConceptLibrary', 'Demonstration',
    }  # fmt: skip
