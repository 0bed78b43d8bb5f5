"""What all tests share: where the real data lies, and its absence said aloud; small files; a model that is trained in seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

PITCHES = {"BD": 36, "SD": 38, "CH": 42, "OH": 46, "RS": 37, "CB": 56}
TICKS = 24
"""A 16th at 96 ticks a quarter."""

MidiWriter = Callable[..., Path]


def pytest_configure() -> None:
    """Gives every worker of a parallel run a core of its own.

    XLA's threads wait for each other at every operation: two processes of two threads on two cores take many times as long as two
    of one thread each. Processes that tests start inherit the core.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def _data_folder() -> Path | None:
    """The folder that DRUMJAX_DATA names, by default ../shared/data beside the project where that exists."""
    if named := os.environ.get("DRUMJAX_DATA"):
        if not Path(named).is_dir():
            raise pytest.UsageError(f"DRUMJAX_DATA names no folder: {named}; unset it to run without real data")
        return Path(named)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return beside if beside.is_dir() else None


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data; whichever test asks for it is marked `real_data`."""
    folder = _data_folder()
    if folder is None:
        pytest.skip("no real data: set DRUMJAX_DATA to the folder that holds it")
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what reads real data and says so in the JUnit report, by which CI proves that it ran."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
        if item.get_closest_marker("real_data"):
            item.user_properties.append(("real_data", "yes"))


@pytest.fixture
def midi(tmp_path: Path) -> MidiWriter:
    """Writes `{(step, lane or pitch): velocity}` as a MIDI file of `steps` 16ths below the test's folder.

    With mido alone: the library's own writer is not asked about its reader.
    """
    import mido

    def write(
        name: str,
        notes: Mapping[tuple[int, str | int], int],
        steps: int = 64,
        metre: tuple[int, int] = (4, 4),
        channel: int = 9,
        tempo_bpm: float | None = None,
    ) -> Path:
        track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])])
        if tempo_bpm is not None:
            track.append(mido.MetaMessage("set_tempo", tempo=round(60e6 / tempo_bpm)))
        now = 0
        for (step, lane), velocity in sorted(notes.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            pitch = PITCHES[lane] if isinstance(lane, str) else lane
            track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=step * TICKS - now))
            now = step * TICKS
        track.append(mido.MetaMessage("end_of_track", time=steps * TICKS - now))
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mido.MidiFile(type=0, ticks_per_beat=4 * TICKS, tracks=[track]).save(path)
        return path

    return write


@pytest.fixture
def small_folder(midi: MidiWriter, tmp_path: Path) -> Path:
    """Twenty MIDI files of two genres, one to three different windows each: 39 patterns."""
    for i in range(20):
        windows = 1 + i % 3
        # The window's number in a pitch of its own and the file's in the place of a second hit: no two are alike.
        notes = {(64 * w, "BD"): 100 for w in range(windows)} | {(64 * w + 1 + i, "SD"): 40 + w for w in range(windows)}
        midi(f"source/{'Techno' if i % 2 else 'IDM'}/{i:02}.mid", notes, steps=64 * windows)
    return tmp_path / "source"


@pytest.fixture(scope="session")
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that several tests compile are compiled once, in this process and in those that it starts."""
    import jax

    options = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in options}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in options.items():
            jax.config.update(name, value)
            patch.setenv(name.upper(), str(value))
        yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="module")
def compiled_quickly() -> Iterator[None]:
    """Programs are compiled in half the time, and are slower: for tests of small models with many layers."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def compilations() -> Iterator[list[str]]:
    """Grows by one for every program that the backend compiles."""
    import jax

    seen: list[str] = []

    def listen(event: str, duration: float, **_: object) -> None:
        if event.endswith("backend_compile_duration"):
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="session")
def tiny_config() -> Any:
    """The convolutional pattern VAE, shrunken until it compiles and trains in seconds."""
    from drumjax.models.pattern_vae import PatternVAEConfig
    from drumjax.train.config import OptimizerConfig
    from drumjax.train.recipes.pattern_vae import PatternVAETraining

    model = PatternVAEConfig(encoder="conv", conv_channels=(16, 16), encoder_widths=(32,), decoder_widths=(32, 64))
    return PatternVAETraining(model=model, optimizer=OptimizerConfig(learning_rate=3e-3))


@pytest.fixture(scope="session")
def tiny_workdir(tiny_config: Any, compilation_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of a training of 80 steps on the embedded patterns: good enough to play, never to be written to."""
    from drumjax.train.run import train

    workdir = tmp_path_factory.mktemp("tiny")
    train("pattern-vae", tiny_config, "embedded", workdir, steps=80)
    return workdir


@pytest.fixture(scope="session")
def untrained_gan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a pattern GAN as it is before training, at a threshold that a sixth of all cells reach: many patterns."""
    import jax
    import numpy as np

    from drumjax import checkpoint
    from drumjax.configs import dump_config
    from drumjax.models import pattern_gan
    from drumjax.patterns import TR808, drum_map_to_json

    config = pattern_gan.PatternGANConfig(decoder_widths=(32, 64))
    params = pattern_gan.init_generator(config, jax.random.key(4))
    noise = pattern_gan.draw_noise(config, jax.random.key(5), np.arange(256))
    threshold = float(np.quantile(jax.nn.sigmoid(pattern_gan.generate(config, params, noise)), 5 / 6))
    play = {"drum_map": drum_map_to_json(TR808), "genres": ["idm"], "steps": 64, "threshold": threshold}
    card = {
        "system": "pattern-gan", "step": 1, "config": {"model": dump_config(config)}, "play": play, "metrics": {},
        "criterion": {"name": "x", "mode": "max", "value": 0.0},
    }  # fmt: skip
    place = tmp_path_factory.mktemp("gan") / "checkpoints" / "1"
    return checkpoint.save(place, {"play": {"params": {"generator": params}, "extra": {}}}, {checkpoint.CARD: card})


@pytest.fixture(scope="session")
def untrained_sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what makes sounds, before training, small and short (3,839 samples): the checkpoint of a CWAE of four classes
    in `cwae`, that of an MCNN in `mcnn`, one of other spectrograms in `other`, and an instrument of the first two in `packed`."""
    import dataclasses

    import jax
    import numpy as np

    from drumjax import checkpoint
    from drumjax.configs import dump_config
    from drumjax.models import cwae, mcnn
    from drumjax.signal.mel import MelConfig

    folder = tmp_path_factory.mktemp("sounds")
    mel = MelConfig(samples=3839, window_samples=256, hop_samples=64, fft_samples=256, bins=24)
    config = cwae.CWAEConfig(classes=4, frames=mel.frames, bins=mel.bins, channels=(2, 2), dense=(16,), latent=6)
    # Draws of this kind compile in a quarter of the default's time.
    first, second = (jax.random.key(seed, impl="unsafe_rbg") for seed in (1, 2))
    params, stats = jax.tree.map(np.asarray, jax.jit(lambda key: cwae.init_cwae(config, key))(first))
    rng = np.random.default_rng(0)
    # Codes and classes matter, as after training, and codes are of about 1.
    params = jax.tree.map(lambda leaf: leaf + 0.3 * rng.normal(size=leaf.shape).astype(np.float32), params)
    params["encoder"]["code"] = jax.tree.map(lambda leaf: leaf / np.float32(50), params["encoder"]["code"])
    scale = {"mean": np.linspace(-2, -6, mel.frames * mel.bins).reshape(mel.frames, mel.bins).astype(np.float32)}
    extra = {"batch_stats": stats, "standardizer": {**scale, "deviation": np.full((mel.frames, mel.bins), 0.5, np.float32)}}
    axes = np.linalg.qr(rng.normal(size=(6, 3)))[0].T
    pca = {"mean": (0.1 * rng.normal(size=6)).tolist(), "components": axes.tolist(), "deviations": [1.2, 1.0, 0.8]}
    classes = ["kick", "snare", "hihat_open", "hihat_closed"]
    vocoder = mcnn.MCNNConfig(bins=mel.bins, heads=2, channels=(6, 6, 4, 4, 2, 2))

    def save(name: str, system: str, config: Any, params: Any, extra: Any, play: Any) -> Path:
        card = {
            "system": system, "step": 1, "config": {"model": dump_config(config)}, "play": play, "metrics": {},
            "data": {"name": "none"}, "criterion": {"name": "x", "mode": "min", "value": 0.0},
        }  # fmt: skip
        items = {"play": {"params": {system: params}, "extra": extra}}
        return checkpoint.save(folder / name / "checkpoints" / "1", items, {checkpoint.CARD: card})

    model = save("cwae", "cwae", config, params, extra, {"classes": classes, "mel": dump_config(mel), "pca": pca})
    weights = jax.tree.map(np.asarray, jax.jit(lambda key: mcnn.init(vocoder, key))(second))
    sounding = save("mcnn", "mcnn", vocoder, weights, {}, {"mel": dump_config(mel)})
    save("other", "mcnn", vocoder, weights, {}, {"mel": dump_config(dataclasses.replace(mel, fft_samples=512))})
    members = {"model": checkpoint.Member(model), "vocoder": checkpoint.Member(sounding)}
    checkpoint.export_members(members, folder / "packed", name="untrained", kind="sounds", half=True)
    return folder


@pytest.fixture(scope="session")
def make_sound_set() -> Callable[..., Any]:
    """Makes a few sounds of the synthesiser as a `SoundSet`, cut to the length that the models of `untrained_sounds` have."""
    import numpy as np

    from drumjax.datasets.sounds.info import SoundSet, check, sound_info
    from drumjax.synth.one_shots import synthesize

    def make(classes: tuple[str, ...] = ("kick", "snare", "hihat_closed"), samples: int = 3839) -> SoundSet:
        splits, first = {}, 0
        for split, n in (("train", 8), ("validation", 1), ("test", 3)):
            made = [synthesize(label, n, 0, first=first, samples=samples)[0] for label in classes]
            audio = np.rint(32_767 * np.concatenate(made)).astype(np.int16)
            names = np.array([f"pack/{split} {label} {i}.wav" for label in classes for i in range(n)])
            splits[split] = {
                "audio": audio,
                "length": np.array([np.flatnonzero(row)[-1] + 1 for row in audio], np.int32),
                "label": np.repeat(np.arange(len(classes), dtype=np.int32), n),
                "name": names,
                "group": names,
                "licence": np.full(len(names), "CC0-1.0"),
            }
            first += n
        labels = {split: [classes[label] for label in arrays["label"]] for split, arrays in splits.items()}
        licences = ["CC0-1.0"] * sum(map(len, labels.values()))
        info = sound_info(labels, licences, name="few", source_sha256="5" * 64, classes=classes, samples=samples)
        return check(SoundSet(info, splits))

    return make


@pytest.fixture(scope="session")
def evaluated_sounds(untrained_sounds: Path, make_sound_set: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as two trainings on `data.npz` in it leave it, `cwae` and `mcnn`, with an instrument of both in `packed`.

    The models are those of `untrained_sounds`, but the CWAE decodes near its mean as a trained one does.
    """
    import json

    from drumjax import checkpoint
    from drumjax.configs import dump_config
    from drumjax.datasets.npz import write_npz
    from drumjax.train.recipe import recipe

    folder = tmp_path_factory.mktemp("evaluated")
    data = make_sound_set()
    write_npz(folder / "data.npz", data)
    places = {}
    for name in ("cwae", "mcnn"):
        playing = checkpoint.load_playing(checkpoint.find(untrained_sounds / name))
        params = playing.params
        if name == "cwae":
            decoder = params["cwae"]["decoder"]
            near = {**decoder, "output": {"kernel": 1e-4 * decoder["output"]["kernel"]}}
            params = {"cwae": {**params["cwae"], "decoder": near}}
        card = {**playing.card, "data": data.info.to_json()}
        items = {"play": {"params": params, "extra": playing.extra}}
        places[name] = checkpoint.save(folder / name / "checkpoints" / "1", items, {checkpoint.CARD: card})
        (folder / name / "metrics.csv").write_text("step,seconds,loss,valid_loss\n1,2.0,2.0,\n2,4.0,1.0,1.5\n3,6.0,0.9,1.4\n")
        run = {
            "recipe": name, "config": dump_config(recipe(name).presets["small"]), "data": data.info.to_json(),
            "data_named": "data.npz", "steps": 3,
        }  # fmt: skip
        (folder / name / "config.json").write_text(json.dumps(run))
    members = {"model": checkpoint.Member(places["cwae"]), "vocoder": checkpoint.Member(places["mcnn"])}
    checkpoint.export_members(members, folder / "packed", name="untrained", kind="sounds")
    return folder


@pytest.fixture(scope="session")
def sounds(untrained_sounds: Path, compilation_cache: None) -> Any:
    """The instrument of `untrained_sounds`."""
    import drumjax

    return drumjax.load(untrained_sounds / "packed")


@pytest.fixture(scope="session")
def tiny(tiny_workdir: Path) -> Any:
    """The instrument of `tiny_workdir`."""
    import drumjax

    return drumjax.load(tiny_workdir)


@pytest.fixture(scope="session")
def untrained_grooves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a training of PocketVAE leaves it, tiny and untrained, but told genres and control patterns, and livelier than at
    first: every condition is heard in what it plays."""
    import json

    import jax
    import numpy as np

    from drumjax import checkpoint
    from drumjax.configs import dump_config
    from drumjax.instruments.groove_functions import shapes_of
    from drumjax.models.pocketvae import PocketVAEConfig
    from drumjax.patterns import POCKET, drum_map_to_json
    from drumjax.patterns.templates import TemplateRules

    sizes = {"skeleton_units": 4, "skeleton_code": 4, "note_units": 6, "expressive_units": 6, "prior_units": 4}
    codes = {"codes": 8, "code_size": 4, "expressive_code": 4}
    config = PocketVAEConfig(use_patterns=True, genres=3, **sizes, **codes)
    rng = np.random.default_rng(0)

    def drawn(path: Any, leaf: Any) -> np.ndarray:
        if "var" in str(path[-1]) or "counts" in str(path):
            return np.ones(leaf.shape, np.float32)
        return rng.normal(scale=0.6, size=leaf.shape).astype(np.float32)

    params, extra, prior = (jax.tree_util.tree_map_with_path(drawn, tree) for tree in shapes_of(config))
    play = {
        "drum_map": drum_map_to_json(POCKET), "genres": ["rock", "funk", "jazz"], "steps": 32, "variant": config.variant,
        "rules": dump_config(TemplateRules()), "note_threshold": 0.5,
        "sketches": {"rock": [f"{'5040604040406040' * 2} {'4121' * 8} {'pplp' * 8}"]},
    }  # fmt: skip
    card = {
        "system": "pocketvae", "step": 1, "config": {"model": dump_config(config)}, "play": play, "metrics": {},
        "data": {"name": "none"}, "criterion": {"name": "loss", "mode": "min", "value": 0.0},
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("grooves")
    items = {"play": {"params": {"pocketvae": params, "prior": prior}, "extra": extra}}
    checkpoint.save(folder / "checkpoints" / "1", items, {checkpoint.CARD: card})
    run = {"recipe": "pocketvae", "config": {}, "data_named": "embedded", "steps": 1}
    (folder / "config.json").write_text(json.dumps(run))
    return folder


@pytest.fixture(scope="session")
def grooves(untrained_grooves: Path, compilation_cache: None) -> Any:
    """The instrument of `untrained_grooves`."""
    import drumjax

    return drumjax.load(untrained_grooves)
