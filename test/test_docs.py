"""What docs/ says is what runs: shell and launch lines, links, and the page made from the code."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / 'docs').glob('*.md'))
ABOUT_THE_CODE = (ROOT / 'docs' / 'architecture.md', ROOT / 'CONTRIBUTING.md')
KINDS = ('sh', 'sh robot', 'sh slow', 'python', '')
"""Fences: run here; need a robot or a ROS 2; take minutes and are run by other tests."""


def blocks(page):
    for info, text in re.findall(r'^```([^\n]*)\n(.*?)^```', page.read_text(), re.S | re.M):
        yield info.strip(), text


def lines(*kinds):
    return [
        pytest.param(line, id=f'{page.stem}: {line[:60]}')
        for page in PAGES
        for info, text in blocks(page)
        if info in kinds
        for line in text.splitlines()
        if line.strip()
    ]


SHELL = [
    pytest.param(text, id=f'{page.stem} {number}')
    for page in PAGES
    for number, (info, text) in enumerate(blocks(page))
    if info == 'sh'
]


@pytest.mark.parametrize('script', SHELL)
def test_shell_lines_run(script, tmp_path, monkeypatch):
    # Pages name the sample bag as seen from a checkout.
    (tmp_path / 'test').symlink_to(ROOT / 'test')
    commands = [shlex.split(line) for line in script.splitlines()]
    if all(words[:1] == ['concept_control'] for words in commands):
        # In this process, which has everything imported already.
        from concept_control.cli.main import main

        monkeypatch.chdir(tmp_path)
        for words in commands:
            try:
                assert main(words[1:]) == 0
            except SystemExit as end:  # after --help
                assert end.code == 0
        return
    folder = Path(sys.executable).parent
    done = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', script],
        cwd=tmp_path,
        env={**os.environ, 'PATH': f'{folder}:{os.environ["PATH"]}', 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def measured():
    """Return the commands in the tables of the results."""
    text = (ROOT / 'docs' / 'results.md').read_text()
    return sorted(set(re.findall(r'\| `(concept_control benchmark [^`]*)` \|', text)))


@pytest.mark.parametrize('line', [*lines('sh slow', 'sh robot'), *measured()])
def test_lines_that_are_not_run_here_are_well_formed(line):
    words = shlex.split(re.sub(r' < \S+$', '', line))
    if Path(words[0]).name == 'concept_control':
        from concept_control.cli.main import build_parser

        build_parser().parse_args(words[1:])
    elif words[:2] == ['ros2', 'launch']:
        text = (ROOT / 'launch' / words[3]).read_text()
        for argument in words[4:]:
            assert f"'{argument.split(':=')[0]}'" in text, argument
    elif (words[:2] == ['ros2', 'topic'] and len(words) > 5) or words[:2] == ['ros2', 'action']:
        check_message(words[-2], words[-1])
    elif words[0] == 'make':
        assert f'\n{words[1]}:' in (ROOT / 'Makefile').read_text()
    else:
        assert words[0] in ('ros2', 'colcon', 'source', 'pip', 'export'), line


def check_message(kind, text):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    package, folder, name = kind.split('/')
    message = getattr(importlib.import_module(f'{package}.{folder}'), name)
    (message.Goal if folder == 'action' else message)(**yaml.safe_load(text))


@pytest.mark.parametrize(
    'page',
    [*PAGES, ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md'],
    ids=lambda page: page.stem,
)
def test_pages_are_whole(page):
    assert {info for info, _ in blocks(page)} <= set(KINDS)
    for target in re.findall(r'\]\(([^)#]+)\)', page.read_text()):
        if not target.startswith('http'):
            assert (page.parent / target).exists(), target


def test_files_that_pages_about_the_code_name_are_there():
    examples = {'test/a/test_b.py', 'concept_control/a/b.py'}
    for page in ABOUT_THE_CODE:
        for name in set(re.findall(r'[\w./]*\w+\.py\b', page.read_text())) - examples:
            assert (ROOT / name).exists() or any((ROOT / 'concept_control').rglob(name)), name


def test_the_architecture_page_has_the_import_order_of_the_test():
    tree = ast.parse((ROOT / 'test' / 'test_architecture.py').read_text())
    (order,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == 'IMPORT_ORDER'
    )
    written = [
        [set(line.split(', ')) for line in text.splitlines()]
        for _, text in blocks(ROOT / 'docs' / 'architecture.md')
    ]
    assert list(order) in written


def test_every_figure_has_its_command_date_commit_and_machine():
    command = ''
    for line in (ROOT / 'docs' / 'results.md').read_text().splitlines():
        if not line.startswith('| ') or line.startswith('| what |'):
            continue
        what, figure, said, measured_at = (cell.strip() for cell in line.strip('|').split('|'))
        command = command if said == 'the same' else said
        assert what and figure, line
        assert re.match(r'`concept_control (benchmark |demo |train`)', command), line
        assert re.fullmatch(r'\d{4}-\d{2}-\d{2}, [0-9a-f]{7}, [\w ]+', measured_at), line


def test_hooks_before_a_commit_are_the_checks_of_make_lint():
    (repository,) = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())['repos']
    targets = [hook['entry'].split()[-1] for hook in repository['hooks']]
    assert f'\nlint: {" ".join(targets)} ##' in (ROOT / 'Makefile').read_text()


def test_the_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == importlib.import_module('concept_control').__version__
    assert (
        f'## [{citation["version"]}] - {citation["date-released"]}'
        in (ROOT / 'CHANGELOG.md').read_text()
    )


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / 'README.md').read_text()
    assert [p.name for p in PAGES if f'(docs/{p.name})' not in readme] == []


def test_python_examples_compile():
    for page in PAGES:
        for info, text in blocks(page):
            if info == 'python':
                compile(text, str(page), 'exec')


def test_the_reference_is_what_the_code_says():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from docs.make_reference import reference

    assert (ROOT / 'docs' / 'reference.md').read_text() == reference(), (
        'run: python -m docs.make_reference docs/reference.md'
    )
