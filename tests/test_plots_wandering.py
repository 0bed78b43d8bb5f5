"""The picture of a performance, read back from its figure: dots, line, numbers, and the cells of its rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Annotation

from drumjax.patterns import POCKET, Pattern, wandering
from drumjax.plots import save
from drumjax.plots.sheets import VELOCITY_COLOURS
from drumjax.plots.wandering import TIME_COLOURS, noise_path


def path_of(n: int, path="swirl") -> tuple[np.ndarray, np.ndarray]:
    at = np.linspace(0, n - 1, max(12 * (n - 1), 1) + 1)
    return np.asarray(wandering.points(path, np.arange(n))), np.asarray(wandering.points(path, at))


def performance(n: int, lanes: int = 6) -> list[Pattern]:
    generator = np.random.default_rng(n)
    grids = np.where(generator.random((n, 64, lanes)) < 0.3, generator.uniform(0.2, 1, (n, 64, lanes)), 0)
    return [Pattern.from_grid(grid, **({"drum_map": POCKET} if lanes == 7 else {})) for grid in grids]


@pytest.mark.parametrize(("n", "path"), [(128, "swirl"), (9, "straight"), (1, "circle")])
def test_the_dots_and_the_line_are_those_of_the_path_coloured_by_time(n, path):
    measures, curve = path_of(n, path)
    axes = noise_path(measures, curve).axes[0]
    dots, start = (each for each in axes.collections if isinstance(each, PathCollection))
    np.testing.assert_allclose(dots.get_offsets(), measures)
    np.testing.assert_allclose(start.get_offsets(), measures[:1])
    dots.update_scalarmappable()
    np.testing.assert_allclose(dots.get_facecolors()[0], TIME_COLOURS(0.0))
    lines = [each for each in axes.collections if isinstance(each, LineCollection)]
    segments = [segment for each in lines for segment in each.get_segments() if each.get_array() is not None]
    assert bool(segments) == (n > 1)
    if n > 1:
        np.testing.assert_allclose(np.concatenate([segments[0][:1], *[segment[1:] for segment in segments]]), curve)
        np.testing.assert_allclose(dots.get_facecolors()[-1], TIME_COLOURS(1.0))


@pytest.mark.parametrize("n", [1, 9, 40, 128])
def test_numbers_stand_at_their_measures_and_no_two_on_each_other(n):
    measures, curve = path_of(n)
    figure = noise_path(measures, curve, performance(n), title="A performance")
    FigureCanvasAgg(figure).draw()
    numbers = [each for each in figure.axes[0].texts if isinstance(each, Annotation) and each.xycoords == "data" and each.xyann]
    marked = [each for each in numbers if each.get_path_effects()]
    assert {each.get_text() for each in marked} >= {"1", f"{n}"}
    for each in marked:
        np.testing.assert_allclose(each.xy, measures[int(each.get_text()) - 1])
    boxes = [each.get_window_extent() for each in marked]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(("n", "lanes", "each", "rows"), [(1, 6, 1, 1), (16, 6, 1, 16), (17, 7, 2, 9), (128, 6, 8, 16)])
def test_every_cell_of_the_performance_is_shown_in_its_row(n, lanes, each, rows):
    """A cell of row r and column c is step c of the row's measures, its lanes from the top, as dark as it is loud."""
    patterns = performance(n, lanes)
    figure = noise_path(*path_of(n), patterns)
    images = [image for axes in figure.axes for image in axes.get_images()]
    assert len(images) == rows
    for row, image in enumerate(images):
        shown = np.asarray(image.get_array())
        assert shown.shape[:2] == (lanes, each * 64)
        for k, pattern in enumerate(patterns[row * each : (row + 1) * each]):
            part = shown[:, 64 * k : 64 * (k + 1)]
            hits = pattern.hits.T
            np.testing.assert_allclose(part[hits], VELOCITY_COLOURS(pattern.velocity.T[hits]))
            assert len(np.unique(part[~hits], axis=0)) == 1
    labels = [axes.get_yticklabels()[0].get_text() for axes in figure.axes if axes.get_images()]
    assert labels == [str(1 + each * row) for row in range(rows)]


def test_the_same_picture_is_the_same_file(tmp_path):
    for name in ("a", "b"):
        save(noise_path(*path_of(5), performance(5)), tmp_path / f"{name}.png", dpi=50)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_points_without_a_plane_and_patterns_without_a_measure_are_errors():
    measures, curve = path_of(4)
    with pytest.raises(ValueError, match=r"points \(n, 2\)"):
        noise_path(measures[:, :1], curve)
    with pytest.raises(ValueError, match=r"points \(n, 2\)"):
        noise_path(measures[:0], curve)
    with pytest.raises(ValueError, match="a pattern for each of 4 measures"):
        noise_path(measures, curve, performance(3))
    with pytest.raises(ValueError, match="one drum map"):
        noise_path(measures, curve, [*performance(3), *performance(1, 7)])
