"""The studio's worker: what is done in steps lets what waits go first."""

import threading

from concept_control.studio.worker import Worker


def test_a_long_job_lets_others_go_first_and_a_newer_one_takes_its_place():
    said, begin, done = [], threading.Event(), threading.Event()

    def newer():
        said.append('newer')
        done.set()

    def older():
        begin.wait(5.0)
        for number in range(3):
            said.append(f'older {number}')
            if number == 1:
                worker.ask('long', newer)
            yield

    worker = Worker(said.append)
    worker.ask('long', older)
    worker.ask('short', lambda: said.append('short'))
    begin.set()
    assert done.wait(5.0)
    worker.close()
    assert said == ['older 0', 'short', 'older 1', 'newer']
