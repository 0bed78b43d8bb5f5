"""From names and folders to instruments: what can be played, and what is said of the rest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import drumjax
from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.instruments import loading


@pytest.fixture
def copied(tiny_workdir, tmp_path) -> Path:
    """A copy of the tiny model's working directory, to be damaged."""
    return Path(shutil.copytree(tiny_workdir, tmp_path / "work"))


def resaved(source: Path, place: Path, **changes) -> Path:
    """The checkpoint with another card, whole and sealed."""
    playing = checkpoint.load_playing(checkpoint.find(source))
    card = {key: value for key, value in {**playing.card, **changes}.items() if value is not None}
    return checkpoint.save(place, {"play": {"params": playing.params, "extra": playing.extra}}, {checkpoint.CARD: card})


def velocities(instrument) -> np.ndarray:
    return np.stack([pattern.velocity for pattern in instrument.sample(5, seed=2)])


def test_a_working_directory_its_checkpoint_and_an_instrument_play_the_same(tiny, tiny_workdir, tmp_path) -> None:
    best = checkpoint.best(tiny_workdir)
    exported = checkpoint.export_for_playing(best, tmp_path / "instrument", name="tiny", kind="patterns")
    expected = velocities(tiny)
    assert expected.any()
    for place in (best, exported, str(exported)):
        instrument = drumjax.load(place)
        np.testing.assert_array_equal(velocities(instrument), expected)
        assert instrument.name == str(place)
    assert drumjax.load(best).sha256 == tiny.sha256


def test_half_precision_changes_velocities_by_less_than_a_midi_step(tiny, tiny_workdir, tmp_path) -> None:
    halved = checkpoint.export_for_playing(
        checkpoint.best(tiny_workdir), tmp_path / "half", name="tiny", kind="patterns", half=True
    )
    values = [instrument.reconstruct_values(velocities(tiny)) for instrument in (tiny, drumjax.load(halved))]
    np.testing.assert_allclose(values[0], values[1], atol=1 / 127)
    assert not np.array_equal(values[0], values[1])


def test_the_best_checkpoint_of_a_working_directory_is_played(copied) -> None:
    best = checkpoint.best(copied)
    criterion = json.loads((best / "card.json").read_text())["criterion"]
    later = resaved(copied, checkpoint.place_of(copied, 90), criterion={**criterion, "value": criterion["value"] / 2}, step=90)
    assert checkpoint.latest(copied) == later
    assert drumjax.load(copied).card["step"] == 80


def test_a_checkpoint_of_another_system_is_refused(copied, tmp_path) -> None:
    other = resaved(copied, tmp_path / "kicks" / "checkpoints" / "7", system="kick-gan", step=7)
    said = "expected a checkpoint of 'pattern-vae' or 'pattern-gan'; found one of 'kick-gan'; name a pattern model"
    with pytest.raises(InputError, match=said):
        drumjax.load(tmp_path / "kicks")
    assert loading.model_card(other)["system"] == "kick-gan"


def test_a_card_of_a_gan_beside_the_weights_of_a_vae_is_refused(copied, tmp_path) -> None:
    resaved(copied, tmp_path / "mixed" / "checkpoints" / "7", system="pattern-gan", step=7)
    with pytest.raises(InputError, match="expected the weights of the generator; found those of vae"):
        drumjax.load(tmp_path / "mixed")


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone"])
def test_a_damaged_file_is_named(copied, damage) -> None:
    payload = max(
        (file for file in (checkpoint.best(copied) / "state").rglob("*") if file.is_file()), key=lambda f: f.stat().st_size
    )
    content = bytearray(payload.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        payload.unlink()
    else:
        payload.write_bytes(content if damage == "changed" else content[:-1])
    with pytest.raises(InputError) as caught:
        drumjax.load(copied)
    assert caught.value.path == str(payload)
    assert "restore it from a backup" in str(caught.value)


def test_a_changed_card_is_found_out(copied) -> None:
    card = checkpoint.best(copied) / "card.json"
    card.write_text(card.read_text().replace('"threshold": 0.', '"threshold": 1.', 1))
    with pytest.raises(InputError, match=r"card\.json: expected .*damaged"):
        drumjax.load(copied)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"play": None}, "expected the drum map, threshold, genres and model configuration that playing needs"),
        ({"play": {"drum_map": "tr808"}}, "that playing needs"),
        ({"config": {"model": {"latent": 0}}}, "expected latent of at least 1"),
        ({"config": {"model": {"latents": 4}}}, "perhaps latent is meant"),
    ],
)
def test_a_card_that_cannot_be_played_is_refused(copied, tmp_path, changes, says) -> None:
    resaved(copied, tmp_path / "other", **changes)
    with pytest.raises(InputError, match=says) as caught:
        drumjax.load(tmp_path / "other")
    assert caught.value.path == str(tmp_path / "other" / "card.json")


def test_places_without_a_model_are_refused(tmp_path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd")
    (tmp_path / "empty").mkdir()
    for name, says in [
        ("empty", "expected a trained model; found no checkpoint in it"),
        ("none", "expected a shipped model's name or a model's folder; found neither"),
        ("a.mid", "expected a shipped model's name or a model's folder; found neither"),
    ]:
        with pytest.raises(InputError, match=says):
            drumjax.load(tmp_path / name)


def test_the_nearest_shipped_model_is_suggested(monkeypatch) -> None:
    monkeypatch.setattr(loading, "shipped_models", lambda: {"pattern-vae": Path("x"), "kick": Path("y")})
    with pytest.raises(InputError, match="did you mean 'pattern-vae'"):
        drumjax.load("patern-vae")


def test_a_folder_with_the_name_of_a_shipped_model_is_asked_after(tiny, tiny_workdir, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_workdir, "kick")
    monkeypatch.setattr(loading, "shipped_models", lambda: {"kick": checkpoint.best(tiny_workdir)})
    with pytest.raises(
        InputError, match=r"kick: expected one model of this name; found a shipped model and a folder; write \./kick"
    ):
        drumjax.load("kick")
    for folder in ("./kick", Path("kick")):
        assert loading.model_directory(folder) == checkpoint.best(Path("kick"))
    shutil.rmtree("kick")
    for name in ("kick", Path("kick")):
        assert loading.model_directory(name) == checkpoint.best(tiny_workdir)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"latent": 10**12}, "weights that fit the configuration on its card"),
        ({"decoder_widths": [10**9, 10**9]}, "weights that fit the configuration on its card"),
        ({"steps": 16 * 10**9}, "weights that fit the configuration on its card"),
        ({"latent": -1}, "latent of at least 1"),
    ],
)
def test_a_card_that_asks_for_another_network_takes_no_memory(copied, tmp_path, model, says) -> None:
    config = checkpoint.read_card(checkpoint.best(copied))["config"]
    place = resaved(copied, tmp_path / "other", config={**config, "model": {**config["model"], **model}})
    with pytest.raises(InputError, match=says):
        drumjax.load(place).sample(1, seed=0)


def test_a_threshold_beyond_all_numbers_is_a_fault_of_the_card(copied, tmp_path) -> None:
    play = checkpoint.read_card(checkpoint.best(copied))["play"]
    place = resaved(copied, tmp_path / "other", play={**play, "threshold": 10**400})
    with pytest.raises(InputError, match="a card without them"):
        drumjax.load(place)


def test_an_instrument_at_a_prompt_says_what_it_is_and_not_its_weights() -> None:
    said = repr(drumjax.load("pattern-gan"))
    assert said.startswith("PatternInstrument(name='pattern-gan', config=PatternGANConfig(")
    assert len(said) < 1500


def test_a_damaged_checkpoint_is_not_recommended_where_all_are(copied) -> None:
    for place in checkpoint.list_checkpoints(copied):
        (place / "card.json").unlink()
    with pytest.raises(InputError, match=r"card\.json: expected the card of the manifest") as caught:
        drumjax.load(copied)
    assert "best of the others" not in str(caught.value)
