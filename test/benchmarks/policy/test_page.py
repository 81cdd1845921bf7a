"""The page of the policy benchmark shows every number, and says what was missed."""

from matplotlib.figure import Figure

from concept_control.benchmarks.policy.page import write_policy_page

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


def test_the_page_shows_every_number_and_what_was_missed(tmp_path):
    path = tmp_path / 'page.html'
    document = {'missed': ['circle: x'], 'figures': [FIGURE], 'codes': [CODE]}
    write_policy_page(path, {**document, 'particle': [PARTICLE]}, {'circle': Figure()})
    text = path.read_text()
    for words in ('missed: circle: x', '1.2%', '55% / 45%', '1.5: 100%, 3: 88%', '11.0%', '96%'):
        assert words in text, words
    assert 'its chains: E(data) 0.00; converged' in text and text.count('<img') == 1
