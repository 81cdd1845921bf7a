"""The shipped words."""

from concept_control.concepts import vocabulary


def test_the_vocabulary_is_complete_and_demonstrates_itself():
    words = vocabulary()
    assert set(words) == {
        *('red', 'green', 'blue', 'yellow', 'cyan', 'magenta', 'orange', 'white'),
        *('big', 'small', 'near', 'far', 'between', 'left_of', 'right_of', 'above', 'below'),
        *('aligned_x', 'aligned_y', 'line', 'triangle', 'square', 'circle'),
        *('on_top_of', 'under', 'higher_than', 'lower_than', 'beside', 'tower', 'inside'),
        *('closest', 'furthest', 'one', 'two', 'three', 'many', 'moved'),
    }
    for word in words.values():
        demonstrations = word.demonstrations(seed=3, count=20)
        assert word.holds(demonstrations).all(), word.name
        assert word.selects != word.acts
