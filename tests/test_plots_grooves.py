"""What the pictures of grooves show is read back from their figures: notes, outlines, control patterns, lines, matrices, bars."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex

from drumjax import plots
from drumjax.patterns import POCKET, Pattern
from drumjax.plots.style import COLOURS

GENRES = ("funk", "jazz", "rock")


def groove(steps=32):
    """A kick on every beat, late by more and more; a soft snare, early."""
    velocity, offset = np.zeros((2, steps, 7), np.float32)
    velocity[::4, 0], offset[::4, 0] = 1, np.linspace(0, 0.9, steps // 4)
    velocity[4::8, 1], offset[4::8, 1] = 0.25, -0.5
    return Pattern(velocity > 0, velocity, offset, POCKET)


def middles(collection):
    """Where boxes stand: (step, row) of their middles."""
    extents = [path.get_extents() for path in collection.get_paths()]
    return sorted((round((e.x0 + e.x1) / 2, 4), round((e.y0 + e.y1) / 2, 4)) for e in extents)


def drawn(axes):
    return [each for each in axes.collections if isinstance(each, PatchCollection)]


def test_a_note_stands_beside_its_step_by_its_offset_and_darker_is_louder():
    pattern = groove()
    (axes,) = plots.groove_sheet([plots.Performance("one", pattern)]).axes
    (notes,) = drawn(axes)
    hits = np.argwhere(pattern.hits)
    expected = sorted((round(step + 0.5 * float(pattern.offset[step, lane]), 4), float(lane)) for step, lane in hits)
    np.testing.assert_allclose(middles(notes), expected, atol=1e-4)
    light = {round(np.mean([p.get_extents().y0, p.get_extents().y1])): colour[:3].sum() for p, colour in
             zip(notes.get_paths(), notes.get_facecolors(), strict=True)}  # fmt: skip
    assert light[0] < light[1]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(POCKET.lanes)


def test_template_hits_are_outlined_on_their_step_and_control_patterns_filled_by_class():
    pattern = groove()
    sketch = np.zeros((32, 7))
    sketch[[0, 8, 30], [0, 1, 2]] = 1
    velocity, timing = np.arange(32) % 5, np.arange(32) % 3
    figure = plots.groove_sheet([plots.Performance("one", pattern, sketch, velocity, timing)])
    notes, loud, time = figure.axes
    outlines = drawn(notes)[0]
    assert middles(outlines) == [(0, 0), (8, 1), (30, 2)]
    assert to_hex(outlines.get_edgecolors()[0]) == COLOURS[1].lower()
    # Loud stands above soft, pushed above laid back; rows are counted from the top.
    assert middles(drawn(loud)[0]) == [(step, 4 - step % 5) for step in range(32)]
    assert middles(drawn(time)[0]) == [(step, step % 3) for step in range(32)]
    assert [label.get_text() for label in time.get_yticklabels()] == ["pushed", "on the beat", "laid back"]


def test_a_long_groove_goes_on_below_with_its_bars_counted_on():
    figure = plots.groove_sheet([plots.Performance("long", groove(112))])
    first, second = figure.axes
    assert [label.get_text() for label in first.get_xticklabels()] == ["bar 1", "bar 2", "bar 3", "bar 4"]
    assert [label.get_text() for label in second.get_xticklabels()] == ["bar 5", "bar 6", "bar 7"]
    assert len(middles(drawn(first)[0])) + len(middles(drawn(second)[0])) == groove(112).hits.sum()
    assert [axes.get_title("left") for axes in figure.axes] == ["long", ""]


def test_a_derivation_shows_the_template_and_both_outlines():
    figure = plots.derivation(groove())
    notes, loud, time, sketch = figure.axes
    # Hats on every 8th, as nobody plays a cymbal; the kick stays on the beats, the snare on two and four.
    expected = [(s, 0) for s in range(0, 32, 4)] + [(s, 1) for s in range(4, 32, 8)] + [(s, 2) for s in range(0, 32, 2)]
    assert middles(drawn(sketch)[0]) == sorted((float(s), float(lane)) for s, lane in expected)
    assert len(drawn(notes)) == len(drawn(loud)) == 1
    late = {step for step, row in middles(drawn(time)[0]) if row == 2}
    # Beat 2 has its kick at 0.129 and its snare at -0.5; from beat 6 on the kick is later than the snare is early.
    assert late == {8, 16, 20, 24, 28}


def test_trends_are_in_midi_velocities_and_ticks_at_the_four_positions():
    means = {"test data": ([0.5, 0.25, 0.5, np.nan], [0, 0.5, -0.5, 0.25])}
    figure = plots.metrical_trends({"funk": means, "jazz": means})
    velocity, late = figure.axes[:2]
    np.testing.assert_allclose(velocity.lines[0].get_ydata(), [63.5, 31.75, 63.5, np.nan])
    np.testing.assert_allclose(late.lines[0].get_ydata(), [0, 30, -30, 15])
    assert [label.get_text() for label in late.get_xticklabels()] == ["1", "e", "&", "a"]
    assert [axes.get_title() for axes in figure.axes] == ["funk", "funk", "jazz", "jazz"]


def test_confusions_are_shares_of_each_row_beside_each_other():
    own, imposed = np.array([[8, 1, 1], [0, 4, 0], [0, 0, 0]]), np.array([[9, 1, 0], [3, 1, 0], [2, 0, 2]])
    figure = plots.genre_confusions({"own": own, "funk": imposed}, GENRES)
    first, second = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    np.testing.assert_allclose(first.images[0].get_array(), [[0.8, 0.1, 0.1], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(second.images[0].get_array()[:, 0], [0.9, 0.75, 0.5])
    assert [label.get_text() for label in first.get_yticklabels()] == ["funk  (10)", "jazz  (4)", "rock  (0)"]
    assert (first.get_title("left"), second.get_title("left")) == ("own", "funk")


def test_code_use_is_a_share_of_the_genre_and_names_what_is_common():
    counts = np.ones((3, 16), int)
    counts[0, [3, 9]] = 30, 15
    counts[1, [3, 4]] = 30, 29
    counts[2] = 0
    figure = plots.code_use(counts, GENRES)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    np.testing.assert_allclose(heights[0], counts[0] / 59)
    assert heights[2] == [0] * 16
    # Two numbers side by side would lie over each other: the commoner has it.
    assert [sorted(text.get_text() for text in axes.texts) for axes in figure.axes] == [["3", "9"], ["3"], []]


def test_codes_that_are_shown_wear_their_own_numbers():
    counts = np.zeros((3, 512), int)
    counts[0, ::8] = 1
    counts[0, [16, 504]] = 100, 50
    counts[1] = np.where(counts[0], 0, 100)  # more often each, but less of what its genre uses
    figure = plots.code_use(counts, GENRES, shown=np.arange(0, 512, 8))
    assert [len(axes.patches) for axes in figure.axes] == [64] * 3
    assert figure.get_size_inches()[0] < 10
    first, _, last = figure.axes
    assert [text.get_text() for text in first.texts] == ["16", "504"]
    assert first.patches[2].get_height() == pytest.approx(100 / counts[0].sum())
    assert [label.get_text() for label in last.get_xticklabels()][:3] == ["0", "64", "128"]
    assert last.get_xlabel() == "code, 64 of 512, 50% of all uses; dotted: all equally often"


def test_responses_are_shares_in_ticks_with_their_means():
    figure = plots.timing_responses({"pushed": [-0.5, -0.25, np.nan], "laid back": [0.5, 0.5, 0.5]})
    (axes,) = figure.axes
    assert [float(line.get_xdata()[0]) for line in axes.lines[:2]] == [-22.5, 30]
    values, edges, _ = axes.patches[0].get_data()
    assert values.sum() == pytest.approx(1)
    assert (edges[0], edges[-1]) == (-30, 30)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.groove_sheet([]), "at least one groove"),
        (lambda: plots.groove_sheet([plots.Performance("x", groove(), np.zeros((31, 7)))]), r"template of the shape \(32, 7\)"),
        (lambda: plots.groove_sheet([plots.Performance("x", groove(), timing=np.zeros(16))]), r"timing of the shape \(32,\)"),
        (lambda: plots.genre_confusions({}, GENRES), "at least one matrix"),
        (lambda: plots.genre_confusions({"x": np.eye(4)}, GENRES), r"counts \(3, 3\)"),
        (lambda: plots.code_use(np.ones((2, 8)), GENRES), r"counts \(3, codes\)"),
        (lambda: plots.timing_responses({"pushed": [np.nan]}), "at least one groove with hits"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
