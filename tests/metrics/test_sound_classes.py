"""The classifier of sounds: it tells apart what can be told apart, knows no take of what it is tested on, and counts right."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from drumjax.metrics import sound_classes


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(sound_classes, "TREES", 30)


def sounds(draw, n=20):
    """Low and long, high and short, of all frequencies: mel magnitudes (3n, 30, 128) and labels."""
    frames, bins = np.arange(30)[:, None], np.arange(128)
    shapes = [
        np.exp(-frames / 12) * np.exp(-bins / 10),
        np.exp(-frames / 2) * np.exp((bins - 127) / 10),
        np.exp(-frames / 6) * np.ones(128),
    ]
    labels = np.repeat([0, 1, 2], n)
    return np.stack([shapes[label] * draw.gamma(1, 1, (30, 128)) for label in labels]).astype(np.float32), labels


def test_classes_that_differ_are_told_apart_and_noise_is_not() -> None:
    draw = np.random.default_rng(0)
    mel, labels = sounds(draw)
    known = sound_classes.features(mel)
    groups = np.arange(len(labels))
    assert sound_classes.cross_validated(known, labels, groups, 3).accuracy == 1
    held_out, truth = sounds(draw, 5)
    heard = sound_classes.fit(known, labels).predict(sound_classes.features(held_out))
    assert (heard == truth).all()
    shuffled = draw.permutation(labels)
    assert sound_classes.cross_validated(known, shuffled, groups, 3).accuracy < 0.6


def test_takes_of_one_drum_stay_on_one_side_of_a_fold() -> None:
    draw = np.random.default_rng(1)
    # Ten drums of five takes that are all but copies, each drum with a random class: only who has heard a take knows the drum.
    drums = draw.gamma(1, 1, (10, 8, 32))
    mel = (np.repeat(drums, 5, 0) * draw.normal(1, 0.01, (50, 1, 1))).astype(np.float32)
    labels, group = np.repeat(np.arange(10) % 2, 5), np.repeat(np.arange(10), 5)
    known = sound_classes.features(mel)
    assert sound_classes.cross_validated(known, labels, np.arange(50), 2).accuracy > 0.95
    assert sound_classes.cross_validated(known, labels, group, 2).accuracy < 0.8


def test_a_class_of_one_group_is_not_tested_and_fewer_than_two_classes_neither() -> None:
    mel, labels = sounds(np.random.default_rng(0), 6)
    group = np.where(labels == 1, 99, np.arange(len(labels)))
    counts = sound_classes.cross_validated(sound_classes.features(mel), labels, group, 4).counts
    assert counts.sum(1).tolist() == [6, 0, 6, 0]
    few = sound_classes.cross_validated(sound_classes.features(mel)[::3], labels[::3], np.arange(6), 3)
    assert few.counts.sum(1).tolist() == [2, 2, 2]
    one = sound_classes.cross_validated(sound_classes.features(mel), 0 * labels, group, 4)
    assert np.isnan(one.accuracy)
    with pytest.raises(ValueError, match="at least two classes"):
        sound_classes.fit(sound_classes.features(mel), 0 * labels)


def test_counts_and_accuracies_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    labels, heard = draw.integers(0, 4, 80), draw.integers(0, 4, 80)
    found = sound_classes.confusion(labels, heard, 4)
    np.testing.assert_array_equal(found.counts, confusion_matrix(labels, heard))
    assert found.accuracy == pytest.approx(balanced_accuracy_score(labels, heard))
    figures = sound_classes.evaluate(sound_classes.confusion(labels, heard, 5), "abcde", "sounds")
    assert figures["class_accuracy"].mean == pytest.approx(found.accuracy)
    assert figures["class_accuracy c"].mean == pytest.approx(np.mean(heard[labels == 2] == 2))
    assert "class_accuracy e" not in figures


def test_features_are_finite_for_silence_and_for_any_size() -> None:
    for shape in ((2, 86, 512), (1, 3, 5), (2, 9, 64)):
        assert np.isfinite(sound_classes.features(np.zeros(shape, np.float32))).all()


@pytest.mark.parametrize(("mel", "said"), [(np.ones((2, 3)), "stack"), (-np.ones((2, 3, 4)), "undo the logarithm")])
def test_what_is_no_set_of_sounds_is_refused(mel, said) -> None:
    with pytest.raises(ValueError, match=said):
        sound_classes.features(mel)
