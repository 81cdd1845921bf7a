"""Figures of which one place calls for several steps are told from the others."""

import numpy as np

from concept_control.benchmarks.policy.page import CODE_COLUMNS, PARTICLE_COLUMNS
from concept_control.benchmarks.policy.report import is_touching, tell_figure
from concept_control.policy.datasets import load_figure
from concept_control.policy.strokes import strokes_from_curves
from concept_control.reports.report import Report


def test_a_figure_that_crosses_itself_is_known():
    angle = np.linspace(0.0, 2 * np.pi, 200)
    eight = np.column_stack([np.sin(angle), np.sin(2 * angle)])
    assert is_touching(strokes_from_curves([eight]))
    assert not is_touching(load_figure('circle')[0])
    assert not is_touching(load_figure('path1')[0])


FIGURE = {
    'figure': 'circle',
    'method': 'thesis, ML',
    'frechet_median': 0.0123,
    'frechet_p95': 0.03,
    'warping_median': 0.01,
    'end_median': 0.02,
    'follows': 1.0,
    'modes': [0.55, 0.45],
    'drift_worst': None,
    'back': {'1.5': 1.0, '3': 0.875},
    'training_s': 61.4,
    'diagnosis': 'E(data) 0.00; converged',
}
CODE = {
    'figure': 'random',
    'drawings': 30,
    'examples': 5,
    'frechet_median': 0.02,
    'frechet_p95': 0.05,
    'frechet_worst': 0.11,
    'within_5_percent': 0.93,
    'inference_s': 0.8,
}
PARTICLE = {
    'dimensions': 16,
    'oracle': 1.0,
    'energy': 0.965,
    'mse_shared': 0.1,
    'mse_plain': 0.0,
    'energy_training_s': 40.0,
}


def test_tables_and_the_page_show_every_number(tmp_path, capsys):
    report = Report('policies')
    tell_figure(report, 'circle', [FIGURE])
    report.table(CODE_COLUMNS, [CODE])
    report.table(PARTICLE_COLUMNS, [PARTICLE])
    report.write(tmp_path / 'page.html')
    page = (tmp_path / 'page.html').read_text()
    for text in (page, capsys.readouterr().out):
        for words in ('1.2%', '55% / 45%', '1.5: 100%, 3: 88%', '11.0%', '96%'):
            assert words in text, words
        assert 'its chains: E(data) 0.00; converged' in text
