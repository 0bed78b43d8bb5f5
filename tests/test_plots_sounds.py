"""What the pictures of sounds show is read back from their figures: levels, ticks, lines, bars, dots."""

from __future__ import annotations

import librosa
import matplotlib.image
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from drumjax import plots
from drumjax.signal.mel import MelConfig, mel

CONFIG = MelConfig(samples=2047, window_samples=256, hop_samples=128, fft_samples=512, bins=64)
CLASSES = ("kick", "clap", "snare")


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def sounds(draw, n):
    return draw.uniform(-1, 1, (n, CONFIG.samples)).astype(np.float32) * np.exp(-np.arange(CONFIG.samples) / 400)


def spectrograms(draw, n):
    return draw.gamma(1, 1, (n, CONFIG.frames, CONFIG.bins))


def panels(figure):
    """The axes that show something, without the colour bar."""
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def levels(axes):
    (image,) = axes.images
    return np.asarray(image.get_array()).T


def test_levels_are_decibels_below_the_original_and_silence_is_the_darkest(draw) -> None:
    original, quieter = spectrograms(draw, 2), spectrograms(draw, 2)
    quieter[1] = 0
    figure = plots.spectrograms(CLASSES[:2], {"original": original, "CWAE": quieter}, CONFIG)
    axes = panels(figure)
    assert [each.get_title() for each in axes[:2]] == ["original", "CWAE"]
    for row in range(2):
        for column, pictures in enumerate((original, quieter)):
            expected = 20 * np.log10(np.maximum(pictures[row], 1e-5) / original[row].max())
            np.testing.assert_allclose(levels(axes[2 * row + column]), expected, rtol=1e-6)
    assert levels(axes[0]).max() == 0
    for each in axes:
        assert each.images[0].get_clim() == (-80, 0)
    assert levels(axes[3]).max() < -80


def test_ticks_stand_on_the_bands_of_their_frequency_and_frames_on_their_time(draw) -> None:
    tone = np.sin(2 * np.pi * 2000 * np.arange(CONFIG.samples) / CONFIG.sample_rate_hz).astype(np.float32)
    spectrogram = np.asarray(mel(tone, CONFIG))
    figure = plots.spectrograms(["tone"], {"original": [spectrogram]}, CONFIG)
    (axes,) = panels(figure)
    ticks = {text.get_text(): place for place, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)}
    # A tone of 2,000 Hz is loudest in the band that the tick of 2,000 Hz stands on.
    assert spectrogram.mean(0).argmax() == pytest.approx(ticks["2,000"], abs=1)
    centres = librosa.mel_frequencies(CONFIG.bins + 2, fmax=CONFIG.sample_rate_hz / 2)[1:-1]
    for hz, place in ticks.items():
        assert np.interp(float(hz.replace(",", "")), centres, np.arange(CONFIG.bins)) == pytest.approx(place, abs=0.05)
    left, right, _, _ = axes.images[0].get_extent()
    times = librosa.frames_to_time(np.arange(CONFIG.frames), sr=CONFIG.sample_rate_hz, hop_length=CONFIG.hop_samples)
    width = (right - left) / CONFIG.frames
    np.testing.assert_allclose(left + width * (np.arange(CONFIG.frames) + 0.5), times, atol=1e-9)
    assert axes.get_xlim() == (0, CONFIG.samples / CONFIG.sample_rate_hz)


def test_waveforms_are_drawn_sample_by_sample_the_original_above(draw) -> None:
    first, second = sounds(draw, 3), sounds(draw, 3)
    figure = plots.waveforms(CLASSES, {"original": first, "CWAE and MCNN": second}, CONFIG)
    axes = panels(figure)
    assert [each.get_title() for each in axes[:3]] == list(CLASSES)
    for each, audio in zip(axes, (*first, *second), strict=True):
        x, y = each.lines[-1].get_data()
        np.testing.assert_array_equal(y, audio)
        np.testing.assert_allclose(x, np.arange(CONFIG.samples) / 22050)
        assert each.get_ylim() == (-1.05, 1.05)
    assert to_hex(axes[0].lines[-1].get_color()) != to_hex(axes[3].lines[-1].get_color())
    assert axes[3].get_ylabel().split() == ["CWAE", "and", "MCNN"]


def test_a_sheet_has_the_waveform_what_it_was_made_from_and_its_own_spectrogram(draw) -> None:
    audio, made_from = sounds(draw, 5), spectrograms(draw, 5)
    sketches = [plots.Sketch(f"sound {i}", audio[i], made_from[i]) for i in range(4)] + [plots.Sketch("read", audio[4])]
    figure = plots.sound_sheet(sketches, CONFIG, columns=3)
    axes = panels(figure)
    # Two blocks of three rows; the sound that was read has no spectrogram that it was made from.
    assert len(axes) == 9 + 6 - 1
    assert [each.get_title(loc="left") for each in axes if each.get_title(loc="left")] == [each.name for each in sketches]
    np.testing.assert_array_equal(axes[0].lines[-1].get_ydata(), audio[0])
    np.testing.assert_allclose(levels(axes[3]), 20 * np.log10(np.maximum(made_from[0], 1e-5) / made_from[0].max()), rtol=1e-6)
    heard = np.asarray(mel(audio[0], CONFIG))
    np.testing.assert_allclose(levels(axes[6]), 20 * np.log10(np.maximum(heard, 1e-5) / heard.max()), atol=1e-3)
    # Where the first of a row has nothing to show, the next one bears the row's name and numbers.
    beside = panels(plots.sound_sheet([sketches[4], sketches[0]], CONFIG))
    (named,) = [each for each in beside if each.get_ylabel().startswith("decoder's")]
    np.testing.assert_allclose(levels(named), levels(axes[3]), rtol=1e-6)
    assert all(tick.label1.get_visible() for tick in named.yaxis.get_major_ticks())
    plain = plots.sound_sheet([sketches[4]], CONFIG)
    assert len(panels(plain)) == 2


def test_silence_can_be_drawn(draw) -> None:
    silence, nothing = np.zeros(CONFIG.samples, np.float32), np.zeros((CONFIG.frames, CONFIG.bins))
    figure = plots.sound_sheet([plots.Sketch("silence", silence, nothing)], CONFIG)
    FigureCanvasAgg(figure).draw()
    assert np.isfinite(levels(panels(figure)[1])).all()


def test_a_confusion_says_shares_in_percent_and_how_many_there_are() -> None:
    counts = np.array([[9, 1, 0], [0, 0, 0], [200, 1, 199]])
    figure = plots.confusion(counts, CLASSES, asked="class asked for")
    (axes,) = panels(figure)
    shown = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts}
    assert shown == {(0, 0): "90", (0, 1): "10", (2, 0): "50", (2, 2): "50"}
    assert [text.get_text() for text in axes.get_yticklabels()] == ["kick  (10)", "clap  (0)", "snare  (400)"]
    np.testing.assert_allclose(axes.images[0].get_array()[2], [0.5, 0.0025, 0.4975])


def test_bars_stand_at_their_classes_and_have_their_heights(draw) -> None:
    values = {"CWAE": draw.random(3), "MCNN": [0.1, np.nan, 0.3], "Griffin–Lim": draw.random(3)}
    figure = plots.class_bars({"spectral convergence": values, "log-mel error": values}, CLASSES)
    axes = panels(figure)
    assert [each.get_ylabel() for each in axes] == ["spectral convergence", "log-mel error"]
    for each in axes:
        for container, heights in zip(each.containers, values.values(), strict=True):
            np.testing.assert_allclose([bar.get_height() for bar in container], np.nan_to_num(heights))
            centres = [bar.get_x() + bar.get_width() / 2 for bar in container]
            assert [round(centre) for centre in centres] == [0, 1, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(values)
    # A hatch tells the methods apart without colours.
    assert len({container[0].get_hatch() for container in axes[0].containers}) == 3
    FigureCanvasAgg(figure).draw()
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_codes_lie_in_the_plane_where_they_spread_most_within_the_circle_of_the_prior(draw) -> None:
    codes = draw.normal(size=(400, 8))
    labels = draw.integers(0, 3, 400)
    figure = plots.code_pca(codes, labels, (*CLASSES, "absent"))
    (axes,) = panels(figure)
    dots = [np.asarray(each.get_offsets()) for each in axes.collections]
    assert [len(each) for each in dots] == np.bincount(labels).tolist()
    circle = axes.lines[0].get_xydata()
    centre = circle[:-1].mean(0)
    radius = np.linalg.norm(circle - centre, axis=1)
    np.testing.assert_allclose(radius, radius[0])
    inside = np.linalg.norm(np.concatenate(dots) - centre, axis=1) < radius[0]
    assert inside.mean() == pytest.approx(0.95, abs=0.025)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*CLASSES, "95 % of the prior"]
    wide = plots.code_pca(2 * codes, labels, CLASSES)
    again = wide.axes[0].lines[0].get_xydata()
    np.testing.assert_allclose(np.ptp(again, axis=0), np.ptp(circle, axis=0))


def test_the_same_sounds_give_the_same_file(draw, tmp_path) -> None:
    audio, made_from = sounds(draw, 1)[0], spectrograms(draw, 1)[0]
    for name in ("a.png", "b.png"):
        plots.save(plots.sound_sheet([plots.Sketch("one", audio, made_from)], CONFIG), tmp_path / name, dpi=60)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "a.png").std() > 0.05


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: plots.sound_sheet([], CONFIG),
        lambda: plots.spectrograms(["a"], {"original": []}, CONFIG),
        lambda: plots.waveforms([], {"original": []}, CONFIG),
        lambda: plots.confusion(np.zeros((2, 3)), CLASSES),
        lambda: plots.class_bars({"x": {"a": [1.0]}}, CLASSES),
        lambda: plots.code_pca(np.zeros((2, 4)), np.zeros(2, int), CLASSES),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()
