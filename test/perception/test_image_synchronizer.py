import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.perception.image_synchronizer import (
    COLOR,
    DEPTH,
    ImageSynchronizer,
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30),
    st.floats(-0.004, 0.004),
)
def test_every_moment_is_paired_once_however_late_its_halves_come(delays, offset):
    """Each half is up to three frames late; nothing may be lost or mixed up."""
    events = []
    for k, (color_delay, depth_delay) in enumerate(delays):
        events.append((k + color_delay, COLOR, k))
        events.append((k + depth_delay, DEPTH, k))
    refused, pairs = [], []
    pairing = ImageSynchronizer(0.005, refused.append)
    sent = {COLOR: -1, DEPTH: -1}
    for _, stream, k in sorted(events, key=lambda event: (event[0], event[2])):
        if k < sent[stream]:
            continue  # a stream does not overtake itself
        sent[stream] = k
        stamp = k / 30 + (offset if stream == DEPTH else 0.0)
        pair = pairing.add(stream, stamp, k)
        if pair is not None:
            pairs.append(pair)
    assert all(color == depth for color, depth in pairs)
    assert len(set(pairs)) == len(pairs)
    if all(delay == (0, 0) for delay in delays):
        assert len(pairs) == len(delays) and not refused


def test_halves_that_never_fit_are_refused_with_the_reason():
    refused = []
    pairing = ImageSynchronizer(0.005, refused.append)
    for k in range(8):
        assert pairing.add(COLOR, k / 30, k) is None
        assert pairing.add(DEPTH, k / 30 + 0.0151, k) is None
    assert len(refused) == 6
    assert 'within 5.0 ms' in refused[0] and 'synchronised' in refused[0]
    assert all('15.1 ms off' in text for text in refused)
    alone = []
    pairing = ImageSynchronizer(0.005, alone.append)
    for k in range(7):
        pairing.add(DEPTH, k / 30, k)
    assert len(alone) == 2 and 'none waits' in alone[0]


def test_a_lost_half_costs_one_moment_and_a_clock_set_back_none():
    refused = []
    pairing = ImageSynchronizer(0.005, refused.append)
    pairing.add(COLOR, 0.8, 'before the other stream was heard')
    pairing.add(COLOR, 0.9, 'a')
    assert pairing.add(DEPTH, 0.9, 'A') == ('a', 'A')
    assert not refused
    pairing.add(COLOR, 1.0, 'lost')
    pairing.add(COLOR, 1.1, 'b')
    assert pairing.add(DEPTH, 1.1, 'B') == ('b', 'B')
    assert len(refused) == 1 and '1.0000' in refused[0]
    pairing.add(COLOR, 50.0, 'old')
    assert pairing.add(COLOR, 2.0, 'c') is None
    assert pairing.add(DEPTH, 2.001, 'C') == ('c', 'C')
    assert len(refused) == 1


@pytest.mark.parametrize('stream', [COLOR, DEPTH])
def test_the_nearest_half_is_taken(stream):
    other = DEPTH if stream == COLOR else COLOR
    pairing = ImageSynchronizer(0.02, lambda reason: None)
    pairing.add(stream, 1.000, 'far')
    pairing.add(stream, 1.010, 'near')
    assert 'near' in pairing.add(other, 1.012, 'x')
