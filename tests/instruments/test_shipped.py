"""The model inside the package: whole, small, documented, and as good as its card says."""

import json

import numpy as np
import pytest

import drumjax
from drumjax import checkpoint
from drumjax.datasets.load import load_patterns
from drumjax.instruments.loading import model_card, model_directory, shipped_models
from drumjax.metrics import patterns as metrics

SHA256 = "f94f2261c709b9d743d6e8a97134f88bb9496093581799af17c6dac863641606"
"""Of the manifest, and so of every byte. Whoever ships other weights writes their hash here and their figures into the docs."""
PERMISSIVE = {"apache-2.0", "mit", "bsd", "cc-by"}


@pytest.mark.smoke
def test_the_default_model_ships_and_is_the_one_that_was_measured():
    assert "pattern-vae" in shipped_models()
    directory = model_directory("pattern-vae")
    checkpoint.verify(directory)
    assert checkpoint.fingerprint(directory) == SHA256


@pytest.mark.smoke
def test_shipped_models_take_at_most_two_megabytes_and_hold_no_training_state():
    for directory in shipped_models().values():
        assert sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) <= 2_000_000
        assert {path.name for path in (directory / "state").iterdir()} == {"play"}


def test_card_names_data_licences_command_and_evaluation():
    card = model_card("pattern-vae")
    assert set(card["data"]["licences"]) <= PERMISSIVE
    assert card["command"].startswith("drumjax train pattern-vae --data ")
    assert {(report["data"], report["split"]) for report in card["evaluation"]} >= {("embedded", "test"), ("embedded", "train")}
    if "cc-by" in card["data"]["licences"]:
        assert any("CC BY" in credit for credit in card["credits"])
    assert "/" not in json.dumps(card["data"]["name"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_reconstruction_is_as_good_as_the_card_says(split):
    instrument, data = drumjax.load(), load_patterns("embedded")
    reference = data.splits[split]["velocity"]
    estimate = metrics.played(instrument.reconstruct_values(reference), instrument.threshold)
    said = next(r for r in model_card("pattern-vae")["evaluation"] if (r["data"], r["split"]) == ("embedded", split))
    assert metrics.onset_f1(reference > 0, estimate > 0) == pytest.approx(said["metrics"]["onset_f1"], abs=2e-3)
    assert said["n"] == len(reference)


def test_held_out_patterns_of_the_embedded_set_were_held_out_of_training():
    """The training joined the embedded set with folders; its splits are those that the set has alone (`--with-embedded`)."""
    counts, alone = model_card("pattern-vae")["data"]["counts"], load_patterns("embedded").info.counts
    assert all(counts[split] >= alone[split] for split in alone)


@pytest.mark.smoke
def test_samples_are_drums():
    patterns = drumjax.load().sample(16, seed=0)
    hits = np.array([pattern.hits.sum() for pattern in patterns])
    assert hits.min() >= 8
    assert hits.max() <= 250
    assert len({pattern.hits.tobytes() for pattern in patterns}) >= 12
