"""The report of a replay as JUnit's XML, which CI systems show as tests: one for each command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from concept_control.replay.text import number, verdict_words


def write_xunit(
    path: Path, reports: Sequence[Mapping[str, Any]], broken: Mapping[str, str]
) -> None:
    """Write a suite for each bag.

    Args:
        path: XML file; its folder is made.
        reports: Reports of the bags.
        broken: Bags that could not be read, and why.
    """
    root = ElementTree.Element('testsuites', name='concept_control evaluate')
    for report in reports:
        suite = ElementTree.SubElement(root, 'testsuite', name=report['bag'])
        for command in report['commands']:
            seconds = command['reported_after_s'] or 0.0
            case = _case(suite, report['bag'], command['expression'], seconds)
            if command['holds'] is None:
                ElementTree.SubElement(case, 'skipped', message='not judged by geometry')
            elif not command['holds']:
                verdict, off = verdict_words(command['holds']), number(command['error_mm'])
                _fail(case, 'failure', f'{verdict}, {off} mm off: {command["text"]}')
        for refused in report['refused']:
            case = _case(suite, report['bag'], refused['expression'], 0.0)
            _fail(case, 'failure', f'refused: {refused["text"]}')
        if report['notes']:
            ElementTree.SubElement(suite, 'system-out').text = '\n'.join(
                map(_printable, report['notes'])
            )
    for bag, why in broken.items():
        suite = ElementTree.SubElement(root, 'testsuite', name=Path(bag).name)
        _fail(_case(suite, Path(bag).name, 'the bag can be read', 0.0), 'error', why)
    for suite in root:
        counted = {'tests': 'testcase', 'failures': 'failure', 'errors': 'error'}
        for attribute, tag in (counted | {'skipped': 'skipped'}).items():
            suite.set(attribute, str(len(suite.findall(f'.//{tag}'))))
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding='utf-8', xml_declaration=True)


def _case(suite: ElementTree.Element, bag: str, name: str, seconds: float) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, 'testcase', classname=bag, name=_printable(name), time=f'{seconds:.3f}'
    )


def _fail(case: ElementTree.Element, kind: str, text: str) -> None:
    ElementTree.SubElement(case, kind, message=_printable(text))


def _printable(text: str) -> str:
    """Return a text without characters that XML cannot hold."""
    return ''.join(c if c.isprintable() else ' ' for c in text)
