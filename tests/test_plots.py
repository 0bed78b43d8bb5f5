"""What a picture shows is read back from its figure: boxes, points, lines and texts, and where they stand."""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from sklearn.decomposition import PCA

from drumjax import plots
from drumjax.patterns import GM, POCKET, TR808, Pattern, wandering
from drumjax.patterns.paths import crossfade
from drumjax.plots.projection import principal_components

GENRES = ("idm", "electro", "techno")


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def grids(generator, *shape, share=0.2):
    return np.where(generator.random(shape) < share, generator.uniform(0.1, 1, shape), 0).astype(np.float32)


def patterns(generator, n, **fields):
    return [
        Pattern.from_grid(grid, name=f"pattern number {i}", genre=GENRES[i % 3], **fields)
        for i, grid in enumerate(grids(generator, n, 64, 6))
    ]


def transition(generator, measures):
    return [Pattern.from_grid(grid) for grid in crossfade(*grids(generator, 2, 64, 6), measures)]


def boxes(axes):
    """The boxes of a pattern's picture: left edge, lane, lightness."""
    (collection,) = (each for each in axes.collections if isinstance(each, PatchCollection))
    extents = [path.get_extents() for path in collection.get_paths()]
    lightness = [to_rgb(colour) @ np.array([0.2126, 0.7152, 0.0722]) for colour in collection.get_facecolors()]
    return [(e.x0, (e.y0 + e.y1) / 2, light) for e, light in zip(extents, lightness, strict=True)]


def visible_texts(figure):
    """What is really drawn: matplotlib also keeps labels of ticks beyond the axes' ends."""
    drawn = []

    def draw(text, renderer):
        if text.get_visible() and text.get_text().strip():
            drawn.append(text)
        return original(text, renderer)

    original = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        FigureCanvasAgg(figure).draw()
    return drawn


def a_pca(generator):
    data = grids(generator, 60, 64, 6)
    genres = [GENRES[i % 3] for i in range(60)]
    ends = itertools.product(range(3), repeat=2)
    return data, genres, [plots.Trajectory(GENRES[a], GENRES[b], crossfade(data[a], data[3 + b], 6)) for a, b in ends]


def a_study():
    sizes = [2, 4, 8, 16, 32]
    lines = [
        plots.Line("training", sizes, [0.5, 0.7, 0.8, 0.9, 0.95], [0.02] * 5),
        plots.Line("held out", sizes, [0.4, 0.5, 0.6, 0.6, 0.5]),
    ]
    levels = {"nearest training pattern": 0.74, "mean pattern": 0.42}
    return [plots.Panel(f"KL weight {w}", "latent size", "onset F1", lines, levels, "even") for w in (0.1, 1, 2, 4)]


def a_performance(generator, n, path="swirl"):
    at = np.linspace(0, n - 1, 12 * n)
    return wandering.points(path, np.arange(n)), wandering.points(path, at), patterns(generator, n)


SIX = ("blues", "electronic", "funk", "hiphop", "jazz", "rock")


def grooves(generator, n, steps=32):
    """Grooves with microtiming."""
    found = []
    for grid in grids(generator, n, steps, 7):
        offset = np.where(grid > 0, generator.uniform(-0.9, 0.9, grid.shape), 0)
        found.append(replace(Pattern.from_grid(grid, drum_map=POCKET), offset=offset))
    return found


def a_page(generator):
    """A groove with all that can stand around it, and a longer one without."""
    small, long = grooves(generator, 1)[0], grooves(generator, 1, 80)[0]
    sketch = grids(generator, 32, 7) > 0
    classes = generator.integers(0, 5, 32), generator.integers(0, 3, 32)
    return [plots.Performance("one" * 40, small, sketch, *classes), plots.Performance("two", long)]


FIGURES = {
    "sheet": lambda g: plots.pattern_sheet(patterns(g, 10), title="Ten patterns"),
    "sheet of one": lambda g: plots.pattern_sheet(patterns(g, 1)),
    "sheet of long names": lambda g: plots.pattern_sheet([replace(p, name="n" * 300, genre="g" * 300) for p in patterns(g, 3)]),
    "sheet of pocket": lambda g: plots.pattern_sheet([Pattern.from_grid(grids(g, 32, 7), drum_map=POCKET)] * 3),
    "transition": lambda g: plots.interpolation_beside_crossfade(patterns(g, 6), transition(g, 6), title="Electro to Techno"),
    "long transition": lambda g: plots.interpolation_beside_crossfade(transition(g, 13), transition(g, 13)),
    "short transition": lambda g: plots.interpolation_beside_crossfade(transition(g, 2), transition(g, 2)),
    "pca": lambda g: plots.pattern_pca(*a_pca(g), title="Patterns"),
    "crowded pca": lambda g: plots.pattern_pca(*a_pca(g)[:2], [plots.Trajectory("idm", "techno", np.full((6, 64, 6), 0.1))] * 9),
    "pca without transitions": lambda g: plots.pattern_pca(*a_pca(g)[:2]),
    "study": lambda g: plots.curves(a_study(), title="What decides", share_y=True),
    "hit rates": lambda g: plots.hit_rates(
        {"data": grids(g, 9, 64, 6) > 0, "n" * 300: grids(g, 4, 64, 6) > 0}, TR808, title="Hits"
    ),
    "hit numbers": lambda g: plots.hit_numbers({"data": [3, 4, 9], "generated": [4, 4, 5], "n" * 60: [7]}, title="Hits"),
    "performance": lambda g: plots.noise_path(*a_performance(g, 128), title="The swirl"),
    "short performance": lambda g: plots.noise_path(*a_performance(g, 3, "circle")),
    "path alone": lambda g: plots.noise_path(*a_performance(g, 60, "walk")[:2]),
    "grooves": lambda g: plots.groove_sheet(a_page(g), title="Grooves"),
    "derivation": lambda g: plots.derivation(grooves(g, 1)[0], title="A groove"),
    "trends": lambda g: plots.metrical_trends(
        {
            genre: {who: (g.uniform(0, 1, 4), g.uniform(-0.5, 0.5, 4)) for who in ("test data", "1-step", "n" * 20)}
            for genre in GENRES
        }
    ),
    "confusions": lambda g: plots.genre_confusions({"own": g.integers(0, 99, (6, 6)), "n" * 99: np.eye(6, dtype=int)}, SIX),
    "responses": lambda g: plots.timing_responses({"pushed": [-0.2, np.nan, -0.1], "laid back": [0.1, 0.3, 0.2]}, title="Time"),
    "codes": lambda g: plots.code_use(g.integers(0, 1000, (6, 64)), SIX, title="Codes"),
    "training": lambda g: plots.training_curves([{"step": i, "loss": 1 / (i + 1), "valid_f1": i / 9} for i in range(9)]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_cut_small_or_covered_by_another(generator, name):
    figure = FIGURES[name](generator)
    texts = visible_texts(figure)
    assert texts
    # A number's own box, without the line that ties it to its trajectory.
    extents = [Text.get_window_extent(text) for text in texts]
    for text, extent in zip(texts, extents, strict=True):
        assert text.get_fontsize() >= 7, text
        assert extent.x0 >= -1, text
        assert extent.y0 >= -1, text
        assert extent.x1 <= figure.bbox.x1 + 1, text
        assert extent.y1 <= figure.bbox.y1 + 1, text
    for (a, first), (b, second) in itertools.combinations(zip(texts, extents, strict=True), 2):
        assert not first.padded(-1).overlaps(second.padded(-1)), (a, b)


@pytest.mark.parametrize(("kind", "figure"), [("png", "sheet of one"), ("pdf", "sheet of one"), ("svg", "pca")])
def test_the_same_picture_is_the_same_file_byte_for_byte(tmp_path, kind, figure):
    for name in ("a", "b"):
        plots.save(FIGURES[figure](np.random.default_rng(7)), tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_a_picture_of_another_format_is_an_error(generator, tmp_path):
    with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg, found a\.bmp"):
        plots.save(FIGURES["sheet of one"](generator), tmp_path / "a.bmp")


def test_pictures_leave_the_settings_of_matplotlib_alone(generator, tmp_path):
    before = dict(matplotlib.rcParams)
    plots.save(FIGURES["sheet of one"](generator), tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


def test_pictures_need_no_pyplot():
    code = "import sys, drumjax.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_sheet_shows_every_hit_in_its_place_lanes_from_the_top(generator):
    page = patterns(generator, 3)
    figure = plots.pattern_sheet(page)
    for axes, pattern in zip(figure.axes, page, strict=False):
        assert {(round(x), round(lane)) for x, lane, _ in boxes(axes)} == set(zip(*np.nonzero(pattern.hits), strict=True))
        bottom, top = axes.get_ylim()
        assert bottom > top
        assert [label.get_text() for label in axes.get_yticklabels()] == list(TR808.lanes)
    assert [axes.get_title("left") for axes in figure.axes[:3]] == [pattern.name for pattern in page]
    assert [axes.get_title("right") for axes in figure.axes[:3]] == [pattern.genre for pattern in page]


def test_a_louder_hit_is_darker_and_the_softest_is_still_seen():
    velocities = np.linspace(1 / 127, 1, 64, dtype=np.float32)
    grid = np.zeros((64, 6), np.float32)
    grid[:, 2] = velocities
    lightness = [light for _, _, light in sorted(boxes(plots.pattern_sheet([Pattern.from_grid(grid)]).axes[0]))]
    assert len(lightness) == 64
    assert np.all(np.diff(lightness) < 0)
    assert lightness[0] < 0.88


def test_microtiming_moves_a_box_by_half_steps(generator):
    pattern = patterns(generator, 1)[0]
    offset = np.where(pattern.hits, generator.uniform(-1, 1, pattern.hits.shape), 0)
    late = plots.pattern_sheet([replace(pattern, offset=offset)])
    found = sorted((round(lane), x) for x, lane, _ in boxes(late.axes[0]))
    expected = sorted((lane, step + 0.5 * offset[step, lane]) for step, lane in zip(*np.nonzero(pattern.hits), strict=True))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bars_and_beats_follow_the_metre(generator):
    pattern = Pattern.from_grid(grids(generator, 48, 6), metre=(3, 4))
    axes = plots.pattern_sheet([pattern]).axes[0]
    np.testing.assert_array_equal(axes.get_xticks(), [0, 12, 24, 36])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3", "4"]
    beats = {*axes.get_xticks(minor=True), *axes.get_xticks()}
    assert beats == set(range(0, 48, 4))


def test_of_a_large_drum_map_only_played_lanes_are_drawn():
    grid = np.zeros((16, 47), np.float32)
    grid[0, 5] = grid[8, 30] = 1
    axes = plots.pattern_sheet([Pattern.from_grid(grid, drum_map=GM)]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gm40", "gm65"]
    silent = plots.pattern_sheet([Pattern.from_grid(np.zeros((16, 47)), drum_map=GM)])
    assert not boxes(silent.axes[0])


def test_a_dollar_sign_in_a_name_is_a_dollar_sign(generator, tmp_path):
    figure = plots.pattern_sheet([Pattern.from_grid(grids(generator, 16, 6), name=r"$\frac{", genre="a$b$\nc")])
    plots.save(figure, tmp_path / "a.png")
    assert figure.axes[0].get_title("left") == r"\$\frac{"
    assert "\n" not in figure.axes[0].get_title("right")


@pytest.mark.parametrize(("measures", "rows", "columns"), [(2, 1, 2), (6, 1, 6), (9, 2, 5), (13, 3, 5)])
def test_the_crossfade_stands_above_the_interpolation_measure_by_measure(generator, measures, rows, columns):
    upper, lower = transition(generator, measures), transition(generator, measures)
    figure = plots.interpolation_beside_crossfade(lower, upper)
    visible_texts(figure)
    assert len(figure.axes) == 2 * measures
    for i in range(measures):
        above, below = figure.axes[2 * i], figure.axes[2 * i + 1]
        assert above.get_title().startswith(f"{i + 1} ")
        for axes, pattern in ((above, upper[i]), (below, lower[i])):
            assert {(round(x), round(lane)) for x, lane, _ in boxes(axes)} == set(zip(*np.nonzero(pattern.hits), strict=True))
        assert above.get_position().y0 > below.get_position().y1
        assert above.get_position().x0 == pytest.approx(below.get_position().x0)
    assert len({round(axes.get_position().x0, 3) for axes in figure.axes}) == columns
    assert len({round(axes.get_position().y0, 3) for axes in figure.axes}) == 2 * rows


def test_principal_components_are_those_of_scikit_learn(generator):
    points = generator.normal(size=(50, 7)) * np.array([5, 4, 3, 2, 1, 1, 1]) + 3
    mean, components, shares = principal_components(points)
    oracle = PCA(2).fit(points)
    np.testing.assert_allclose(mean, oracle.mean_)
    np.testing.assert_allclose(shares, oracle.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(components), np.abs(oracle.components_), rtol=1e-6, atol=1e-9)
    assert all(row[np.abs(row).argmax()] > 0 for row in components)


def test_the_plane_shows_patterns_and_trajectories_where_they_lie(generator):
    data, genres, trajectories = a_pca(generator)
    figure = plots.pattern_pca(data, genres, trajectories)
    axes = figure.axes[0]
    oracle = PCA(2).fit(data.reshape(60, -1).astype(np.float64))
    signs = np.sign(oracle.components_[[0, 1], np.abs(oracle.components_).argmax(axis=1)])

    def project(grids):
        return oracle.transform(np.reshape(grids, (len(grids), -1)).astype(np.float64)) * signs

    for place, genre in enumerate(sorted(GENRES)):
        drawn = np.array(sorted(map(tuple, axes.collections[place].get_offsets())))
        expected = project(data[np.array(genres) == genre])
        np.testing.assert_allclose(drawn, np.array(sorted(map(tuple, expected))), atol=1e-5)
    lines = [each for each in axes.collections if isinstance(each, LineCollection)]
    assert len(lines) == 9
    for line, trajectory in zip(lines, trajectories, strict=True):
        segments = np.array(line.get_segments())
        np.testing.assert_allclose(np.concatenate([segments[:1, 0], segments[:, 1]]), project(trajectory.patterns), atol=1e-5)
    assert f"{100 * oracle.explained_variance_ratio_[0]:.1f} %" in axes.get_xlabel()
    assert f"{100 * oracle.explained_variance_ratio_[1]:.1f} %" in axes.get_ylabel()
    texts = [text.get_text() for text in visible_texts(figure)]
    assert {f"{a} to {b}" for a, b in itertools.product(GENRES, repeat=2)} <= set(texts)
    assert {str(number) for number in range(1, 10)} <= set(texts)


def test_a_genre_with_an_odd_name_still_has_its_place_in_the_legend(generator):
    genres = ["_x", "$a", "b"] * 20
    names = [text.get_text().strip() for text in visible_texts(plots.pattern_pca(a_pca(generator)[0], genres))]
    assert {"_x", r"\$a", "b"} <= set(names)


def test_the_ends_of_a_transition_bear_their_genres(generator):
    upper, lower = transition(generator, 3), transition(generator, 3)
    upper[0], lower[-1] = replace(upper[0], genre="idm"), replace(lower[-1], genre="techno")
    figure = plots.interpolation_beside_crossfade(lower, upper)
    assert [axes.get_title() for axes in figure.axes[::2]] == ["1  start: idm", "2  μ = 0.5", "3  goal: techno"]


def test_patterns_that_are_all_the_same_are_drawn_without_complaint(generator):
    data = np.repeat(grids(generator, 1, 64, 6), 4, axis=0)
    figure = plots.pattern_pca(data, ["one"] * 4, [plots.Trajectory("one", "another", data[:3])])
    visible_texts(figure)
    assert "0.0 %" in figure.axes[0].get_xlabel()


def test_hit_rates_are_the_shares_of_patterns_lanes_from_the_top_on_one_scale(generator):
    sets = {name: grids(generator, n, 64, 6, share=share) > 0 for name, n, share in (("data", 9, 0.2), ("generated", 5, 0.6))}
    figure = plots.hit_rates(sets, TR808)
    panels = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title(loc="left") for axes in panels] == ["data", "generated"]
    for axes, hits in zip(panels, sets.values(), strict=True):
        (image,) = axes.get_images()
        np.testing.assert_allclose(image.get_array(), hits.mean(0).T)
        assert [label.get_text() for label in axes.get_yticklabels()] == ["BD", "SD", "CH", "OH", "RS", "CB"]
        assert axes.yaxis_inverted()
    assert len({image.get_clim() for axes in panels for image in axes.get_images()}) == 1


def test_hit_numbers_are_shares_that_sum_to_1(generator):
    numbers = {"data": generator.integers(0, 90, 50), "generated": generator.integers(30, 60, 20)}
    stairs = plots.hit_numbers(numbers).axes[0].patches
    assert [each.get_label() for each in stairs] == ["data", "generated"]
    for each, counted in zip(stairs, numbers.values(), strict=True):
        values, edges, _ = each.get_data()
        assert values.sum() == pytest.approx(1)
        assert edges[0] <= counted.min()
        assert counted.max() <= edges[-1]
        np.testing.assert_allclose(values, np.histogram(counted, edges)[0] / len(counted))


def test_curves_show_their_numbers_bands_and_yardsticks():
    panels = a_study()
    figure = plots.curves(panels)
    for axes, panel in zip(figure.axes, panels, strict=False):
        first, second, *levels = axes.lines
        np.testing.assert_allclose(first.get_ydata(), panel.lines[0].mean)
        np.testing.assert_allclose(second.get_ydata(), panel.lines[1].mean)
        # Even spacing: each size has its own place, its number beneath.
        np.testing.assert_allclose(first.get_xdata(), range(5))
        assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8", "16", "32"]
        assert [line.get_ydata()[0] for line in levels] == list(panel.levels.values())
        (band,) = axes.collections
        ys = band.get_paths()[0].vertices[:, 1]
        assert ys.min() == pytest.approx(0.48)
        assert ys.max() == pytest.approx(0.97)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["training", "held out", "nearest training pattern", "mean pattern"]


def test_zero_has_a_place_beside_powers_and_lines_of_one_name_look_the_same():
    weights = plots.Panel("", "KL weight", "F1", [plots.Line("b", [0, 0.01, 1], [1, 2, 3])], scale="even")
    sizes = plots.Panel("", "d", "F1", [plots.Line("a", [1, 10], [1, 2]), plots.Line("b", [1, 10], [3, 4])], scale="log")
    figure = plots.curves([sizes, weights])
    left, right = figure.axes
    np.testing.assert_allclose(right.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(left.lines[1].get_xdata(), [1, 10])
    assert left.get_xscale() == "log"
    assert left.lines[1].get_color() == right.lines[0].get_color() != left.lines[0].get_color()
    assert left.lines[1].get_marker() == right.lines[0].get_marker() != left.lines[0].get_marker()


def test_training_curves_read_a_metrics_file_with_gaps(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,epoch,seconds,loss,valid_loss,note\n10,1,2.5,5,,\n20,2,5,4,4.5,nan\n30,3,9,3,,x\n40,4,9,2,3.5,\n")
    with path.open() as file:
        figure = plots.training_curves(csv.DictReader(file))
    assert [axes.get_title() for axes in figure.axes] == ["loss"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]
    train, validation = figure.axes[0].lines
    np.testing.assert_array_equal(train.get_xydata(), [[10, 5], [20, 4], [30, 3], [40, 2]])
    np.testing.assert_array_equal(validation.get_xydata(), [[20, 4.5], [40, 3.5]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.pattern_sheet([]), "at least one pattern"),
        (lambda: plots.interpolation_beside_crossfade([], []), "at least 2"),
        (lambda: plots.pattern_pca(np.zeros((2, 64, 6)), ["a"] * 2), "at least 3 patterns"),
        (lambda: plots.pattern_pca(np.zeros((9, 64, 6)), ["a"] * 8), "8 genres"),
        (lambda: plots.pattern_pca(np.eye(9), ["a"] * 9, [plots.Trajectory("a", "a", np.eye(1, 9))]), "at least 2 patterns"),
        (lambda: plots.curves([]), "at least one panel"),
        (lambda: plots.training_curves([{"step": "1", "loss": ""}]), "at least one other number"),
    ],
)
def test_nothing_to_draw_is_an_error_that_says_so(call, message):
    with pytest.raises(ValueError, match=message):
        call()
