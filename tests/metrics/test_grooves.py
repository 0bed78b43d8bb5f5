"""The figures of grooves beside double loops, scikit-learn, SciPy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle
from sklearn.neighbors import NearestNeighbors

from drumjax.metrics import groove_neighbours, grooves


def some_grooves(seed: int, n: int = 9, rate: float = 0.2) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    note = draw.random((n, 32, 7)) < rate
    note[:, ::4, 0] = True
    note[:, 5] = False  # a step that is silent everywhere
    velocity = np.where(note, draw.uniform(1 / 127, 1, note.shape), 0).astype(np.float32)
    return {"note": note, "velocity": velocity, "offset": np.where(note, draw.uniform(-1, 0.9, note.shape), 0).astype(np.float32)}


def unmasked(seed: int, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a decoder gives: something in every cell."""
    draw = np.random.default_rng(seed)
    near = {
        "velocity": np.clip(like["velocity"] + draw.normal(0, 0.1, like["note"].shape), 0, 1),
        "offset": np.clip(like["offset"] + draw.normal(0, 0.1, like["note"].shape), -1, 1),
    }
    return near | {"note": like["note"] ^ (draw.random(like["note"].shape) < 0.05)}


def test_the_papers_note_f1_is_scikit_learns_of_each_step_that_anyone_plays() -> None:
    true = some_grooves(0)
    made = unmasked(1, true)
    a, b = (x["note"].reshape(-1, 7).astype(int) for x in (true, made))
    heard = (a | b).any(1)
    assert 0 < heard.mean() < 1
    figures = grooves.evaluate(true, made)
    assert figures["note_f1"].mean == pytest.approx(
        oracle.f1_score(a[heard], b[heard], average="samples", zero_division=0), abs=1e-12
    )
    assert figures["note_f1_micro"].mean == pytest.approx(oracle.f1_score(a, b, average="micro"), abs=1e-12)
    assert figures["note_f1"].mean != pytest.approx(figures["note_f1_micro"].mean, abs=1e-3)


def test_divergences_and_errors_are_those_of_a_loop_over_cells() -> None:
    true = some_grooves(2)
    made = unmasked(3, true)
    given = true["note"]
    figures = grooves.evaluate(true, made, given=given)
    for name, array, unit in (("velocity", "velocity", 127), ("timing", "offset", 60)):
        total, on_hits, count, hits = 0.0, 0.0, 0, 0
        for cell in np.ndindex(true["note"].shape):
            error = (float(true[array][cell]) - float(made[array][cell])) ** 2
            total, count = total + error, count + 1
            if true["note"][cell]:
                on_hits, hits = on_hits + error, hits + 1
        assert figures[f"{name}_mse"].mean == pytest.approx(total / count)
        assert figures[f"{name}_mse_hits"].mean == pytest.approx(on_hits / hits)
        for suffix, mask in (("", given), ("_code", made["note"])):
            divergence = 0.0
            for position in range(4):
                steps = range(position, 32, 4 if not suffix else position + 4)
                p = [unit * made[array][i, s, lane] for i in range(9) for s in steps for lane in range(7) if mask[i, s, lane]]
                q = [
                    unit * true[array][i, s, lane] for i in range(9) for s in steps for lane in range(7) if true["note"][i, s, lane]
                ]
                grid = np.linspace(-1500, 1500, 600_001)
                first, second = (stats.norm(np.mean(x), np.std(x)) for x in (p, q))
                divergence += np.trapezoid(first.pdf(grid) * (first.logpdf(grid) - second.logpdf(grid)), grid) / 4
            assert figures[f"{name}_kl{suffix}"].mean == pytest.approx(divergence, rel=1e-4)
    assert figures["velocity_kl"].mean != pytest.approx(figures["velocity_kl_code"].mean, rel=0.05)


def test_without_true_notes_given_the_rebuilt_ones_are_where_values_are_compared() -> None:
    true = some_grooves(4)
    made = unmasked(5, true)
    on_own = grooves.evaluate(true, made)["velocity_kl"].mean
    assert on_own == grooves.evaluate(true, made, given=made["note"])["velocity_kl"].mean
    assert on_own > 2 * grooves.evaluate(true, made, given=true["note"])["velocity_kl"].mean


def test_perfect_copies_score_best_and_closed_forms_hold() -> None:
    true = some_grooves(6)
    figures = {name: figure.mean for name, figure in grooves.evaluate(true, true).items()}
    assert figures["note_f1"] == figures["note_f1_micro"] == 1
    assert all(value == 0 for name, value in figures.items() if "note" not in name)
    # Twice as wide: log 2 + (1 / 4 - 1) / 2; a shift by d standard deviations: d² / 2.
    assert float(grooves.gaussian_kl(0, 1, 0, 2)) == pytest.approx(math.log(2) - 3 / 8)
    assert float(grooves.gaussian_kl(3, 2, 0, 2)) == pytest.approx(9 / 8)
    assert grooves.gaussian_kl([1, 1, 1, np.nan], [0, 0, 1, 0], [1, 2, 1, 0], [0, 0, 0, 0]).tolist()[:3] == [0, math.inf, math.inf]
    assert np.isnan(grooves.gaussian_kl(np.nan, np.nan, 0, 1))


def test_silence_has_notes_right_and_no_distributions() -> None:
    nothing = {name: np.zeros((2, 32, 7), bool if name == "note" else np.float32) for name in ("note", "velocity", "offset")}
    figures = grooves.evaluate(nothing, nothing)
    assert figures["note_f1"].mean == figures["note_f1_micro"].mean == 1
    assert np.isnan([figures["velocity_kl"].mean, figures["timing_kl"].mean, figures["velocity_mse_hits"].mean]).all()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("velocity", 1.5, r"velocity in \[0, 1\]"), ("offset", -1.5, r"offset in \[-1, 1\]"), ("note", 0.5, "bool")],
)
def test_numbers_out_of_range_are_refused(name: str, value: float, says: str) -> None:
    true = some_grooves(7)
    with pytest.raises(ValueError, match=says):
        grooves.evaluate(true, true | {name: np.full((9, 32, 7), value)})
    with pytest.raises(ValueError, match="shape"):
        grooves.evaluate(true, {key: array[:3] for key, array in true.items()})


def test_the_interval_over_tracks_is_wider_than_over_windows_and_covers_the_truth() -> None:
    draw = np.random.default_rng(0)
    inside = []
    for trial in range(60):
        # Forty tracks of ten windows each, alike within a track.
        chance = draw.beta(2, 1, 40)
        right = draw.random((40, 10)) < chance[:, None]
        share, (low, high) = grooves.share_of_tracks(right.ravel(), np.repeat(np.arange(40), 10), trial)
        assert share == right.mean()
        inside.append(low <= 2 / 3 <= high)
    alone = stats.binomtest(int(right.sum()), 400).proportion_ci(method="wilson")
    assert high - low > 1.2 * (alone.high - alone.low)
    assert 0.85 <= np.mean(inside) <= 1


@pytest.mark.parametrize(("successes", "trials"), [(43, 43), (0, 43), (39, 43), (1, 2)])
def test_wilsons_interval_is_scipys(successes: int, trials: int) -> None:
    assert grooves.wilson(successes, trials) == pytest.approx(stats.binomtest(successes, trials).proportion_ci(method="wilson"))


def test_genres_are_counted_by_windows_and_by_tracks() -> None:
    track = np.array(["a", "a", "a", "b", "c"])
    genre = np.array([0, 0, 0, 1, 2])
    # Of track a one window of three is right, but so surely that the mean over its windows is too.
    chances = np.array([[0.4, 0.5, 0.1], [0.9, 0.05, 0.05], [0.4, 0.1, 0.5], [0.2, 0.7, 0.1], [0.6, 0.2, 0.2]])
    figures = grooves.genre_figures(np.log(chances) + 3, genre, track, "windows")
    assert figures["genre_accuracy"].mean == pytest.approx(2 / 5)
    assert figures["genre_accuracy_tracks"].mean == pytest.approx(2 / 3)
    assert figures["genre_accuracy_tracks"].interval == pytest.approx(stats.binomtest(2, 3).proportion_ci(method="wilson"))


def test_the_response_to_timing_is_of_the_hits_alone_and_counts_every_template() -> None:
    note = np.zeros((4, 8, 2), bool)
    note[:3, ::2] = True
    offset = np.where(note, 0.0, 0.9)  # what lies between the hits says nothing

    def shifted(*by: float) -> dict[str, np.ndarray]:
        return {"note": note, "offset": offset + np.array(by)[:, None, None] * note}

    response = grooves.timing_response(shifted(-0.3, 0.1, -0.2, 0), shifted(0, 0, -0.3, 0), shifted(0.2, -0.1, 0.1, 0))
    assert response.pushed[:3] == pytest.approx([-0.3, 0.1, -0.2])
    assert np.isnan(response.neutral[3])
    assert response.right == 2 / 4
    assert response.right_of_neutral == 1 / 4


def test_codes_are_counted_by_genre() -> None:
    draw = np.random.default_rng(0)
    codes, genre = draw.integers(0, 5, (12, 8)), np.repeat([0, 2], 6)
    counts = grooves.code_counts(codes, genre, 3, 6)
    for g, code in np.ndindex(3, 6):
        assert counts[g, code] == sum(int(each == code) for row in codes[genre == g] for each in row)


def test_the_commonest_codes_are_those_of_all_genres_alike() -> None:
    counts = np.zeros((3, 512), int)
    counts[0, ::8] = 1
    counts[0, [16, 504]] = 100, 50
    counts[1] = np.where(counts[0], 0, 100)  # more often each, but less of what its genre uses
    assert grooves.commonest_codes(counts, 64).tolist() == list(range(0, 512, 8))
    assert grooves.commonest_codes(counts, 2).tolist() == [16, 504]
    assert grooves.commonest_codes(counts, 1000).tolist() == list(range(512))
    assert grooves.commonest_codes(np.zeros((2, 5), int), 3).tolist() == [0, 1, 2]


def binary(seed: int, n: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, 32, 7)) < 0.2).astype(np.float32)


@pytest.mark.parametrize("at_once", [1 << 23, 150])
def test_neighbours_have_the_largest_inner_products_and_ties_fall_to_the_first(monkeypatch, at_once: int) -> None:
    monkeypatch.setattr(groove_neighbours, "_PAIRS_AT_ONCE", at_once)
    templates, known = binary(0, 12), binary(1, 70)
    known[60] = known[3]
    found = groove_neighbours.neighbours(templates, known)
    products = np.einsum("ntl,mtl->nm", templates, known)
    # The largest inner products are the least Euclidean distances once all are made equally long (Bachrach et al., 2014).
    flat = known.reshape(70, -1)
    longer = np.sqrt(np.square(flat).sum(1).max() - np.square(flat).sum(1))[:, None]
    search = NearestNeighbors(n_neighbors=20, algorithm="brute").fit(np.concatenate([flat, longer], 1))
    theirs = search.kneighbors(np.concatenate([templates.reshape(12, -1), np.zeros((12, 1))], 1), return_distance=False)
    assert (np.take_along_axis(products, found, 1) == -np.sort(-np.take_along_axis(products, theirs, 1), 1)).all()
    for row, own in zip(found, products, strict=True):
        assert row.tolist() == sorted(range(70), key=lambda i: (-own[i], i))[:20]


def test_no_neighbour_is_of_the_own_group_and_small_sets_give_all_they_have() -> None:
    templates = binary(2, 30)
    group = np.arange(30) // 3
    found = groove_neighbours.neighbours(templates, templates, groups=(group, group))
    assert (group[found] != group[:, None]).all()
    assert groove_neighbours.neighbours(templates, templates)[:, 0].tolist() == list(range(30))
    assert groove_neighbours.neighbours(templates[:2], templates[:5]).shape == (2, 5)
    few = groove_neighbours.neighbours(templates[:9], templates[:9], groups=(group[:9], group[:9]))
    assert few.shape == (9, 6)
    assert (group[few] != group[:9, None]).all()
    with pytest.raises(ValueError, match="holds them all"):
        groove_neighbours.neighbours(templates, templates, groups=(group * 0, group * 0))


def test_neighbours_vote_on_notes_and_average_the_rest() -> None:
    known = some_grooves(8, 6)
    indices = np.array([[0, 1, 2, 3], [5, 4, 3, 2]])
    made = groove_neighbours.combine(indices, known)
    for i, row in enumerate(indices):
        for cell in np.ndindex(32, 7):
            votes = sum(bool(known["note"][j][cell]) for j in row)
            assert made["note"][i][cell] == (votes >= 2)
            assert made["velocity"][i][cell] == pytest.approx(sum(known["velocity"][j][cell] for j in row) / 4)
            assert made["offset"][i][cell] == pytest.approx(sum(known["offset"][j][cell] for j in row) / 4, abs=1e-7)
    assert (made["velocity"] > 0)[~made["note"]].any()
