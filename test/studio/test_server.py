import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip('nicegui', reason='the extra `studio` is not installed')

from concept_control.studio.config import is_loopback

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith('PYTEST')}


def start(folder, *arguments):
    log = (folder / 'log').open('w')
    return subprocess.Popen(
        [sys.executable, '-m', 'concept_control.cli', 'studio', '--library', folder, *arguments],
        env=ENVIRONMENT | {'PYTHONPATH': str(ROOT)},
        stdout=log,
        stderr=log,
    )


def status(url):
    try:
        return urllib.request.urlopen(url, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


def test_this_machine_alone_needs_no_token():
    assert [is_loopback(host) for host in ('127.0.0.1', 'localhost', '::1')] == [True] * 3
    assert [is_loopback(host) for host in ('0.0.0.0', '::', 'robot.local')] == [False] * 3


def test_elsewhere_a_page_needs_the_token_and_a_port_is_taken_once(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    process = start(tmp_path, '--host', '0.0.0.0', '--port', port)
    try:
        while 'token=' not in (tmp_path / 'log').read_text():
            assert process.poll() is None, (tmp_path / 'log').read_text()
            time.sleep(0.1)
        token = (tmp_path / 'log').read_text().split('token=')[1].split()[0]
        page = f'http://127.0.0.1:{port}/'
        assert status(page) == 401
        assert status(f'{page}?token=wrong') == 401
        assert status(f'{page}?token={token}') == 200
        (tmp_path / 'other').mkdir()
        second = start(tmp_path / 'other', '--port', port)
        assert second.wait(60) == 1
        assert f'port {port}' in (tmp_path / 'other/log').read_text()
        assert 'Traceback' not in (tmp_path / 'other/log').read_text()
    finally:
        process.terminate()
    process.wait(20)
