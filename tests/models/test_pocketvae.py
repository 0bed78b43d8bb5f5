"""PocketVAE: as many parameters as the public code, gradients where they belong, decoders that repeat themselves, and PyTorch."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models import pocketvae as network
from drumjax.models.pocketvae import PocketVAEConfig, init_pocketvae, init_prior, item_keys
from drumjax.nn.dropout import Dropout

QUICK = {"xla_backend_optimization_level": 0}
"""Half of the time that the compiler takes."""
TINY = {
    "steps": 8,
    "lanes": 3,
    "genres": 2,
    "skeleton_units": 4,
    "skeleton_code": 3,
    "note_units": 4,
    "codes": 5,
    "code_size": 3,
    "note_code": 3,
    "expressive_units": 4,
    "expressive_code": 3,
    "one_step_units": 4,
    "one_step_code": 3,
    "prior_units": 4,
}
CONFIG, ITEMS = PocketVAEConfig(**TINY), 4


def filled(shapes, seed=0):
    """Weights and averages of these shapes, in a wink: nothing is compiled."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(rng.uniform(0.1, 1, a.shape) * rng.choice([-1, 1], a.shape), a.dtype), shapes)


def model(config=CONFIG):
    params, extra = jax.eval_shape(partial(init_pocketvae, config), jax.random.key(0))
    params, extra = filled(params), filled(extra, 1)
    extra = jax.tree_util.tree_map_with_path(
        lambda path, a: jnp.abs(a) if "variance" in str(path) or "counts" in str(path) else a, extra
    )
    return params, extra, filled(jax.eval_shape(partial(init_prior, config), jax.random.key(0)), 2)


def grooves(config=CONFIG, items=ITEMS):
    rng = np.random.default_rng(3)
    shape = (items, config.steps, config.lanes)
    velocity = (rng.uniform(0.1, 1, shape) * (rng.random(shape) < 0.4)).astype(np.float32)
    offset = (rng.uniform(-1, 1, shape) * (velocity > 0)).astype(np.float32)
    template = (velocity > 0.4).astype(np.float32)
    return velocity, offset, template, (np.arange(items) % config.genres).astype(np.int32)


def count(tree):
    return sum(a.size for a in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("settings", "skeleton", "note", "velocity", "timing", "prior"),
    [
        ({}, 203_280, 2_449_559, 1_591_175, 1_591_175, 59_648),
        ({"skeleton_code": 32, "template_in_encoder": False}, 207_392, 2_455_959, 1_599_367, 1_599_367, 60_672),
        ({"use_patterns": True}, 203_280, 2_449_559, 1_596_295, 1_594_247, 59_648),
    ],
    ids=["default", "public code", "patterns"],
)
def test_parameters_are_as_many_as_pytorchs(settings, skeleton, note, velocity, timing, prior):
    config = PocketVAEConfig(**settings)
    params, extra = jax.eval_shape(partial(init_pocketvae, config), jax.random.key(0))
    of = {
        part: sum(count(tree) for name, tree in params.items() if name.startswith(part)) for part in ("note", "velocity", "timing")
    }
    # PyTorch counts the codebook and its moving sums, which here stand in `extra` with the counts.
    codebook = 2 * 64 * 16
    assert count(extra["codebook"]) == codebook + 64
    assert (count(params["skeleton"]), of["note"] + codebook, of["velocity"], of["timing"]) == (skeleton, note, velocity, timing)
    assert count(jax.eval_shape(partial(init_prior, config), jax.random.key(0))) == prior


def test_the_1_step_models_parameters_are_as_many_as_pytorchs():
    params, extra = jax.eval_shape(partial(init_pocketvae, PocketVAEConfig(variant="1-step")), jax.random.key(0))
    assert (count(params), extra) == (716_469, {})


VARIANTS = {
    "1-step": {"variant": "1-step"},
    "2-step (VAE)": {"variant": "2-step-vae", "use_genre": False},
    "2-step (VQ-VAE)": {"use_genre": False},
    "+ genres": {},
    "+ genres + patterns": {"use_patterns": True},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_encodes_draws_and_decodes_at_the_papers_size(variant):
    config = PocketVAEConfig(**VARIANTS[variant])
    params, extra = jax.eval_shape(partial(init_pocketvae, config), jax.random.key(0))
    prior = jax.eval_shape(partial(init_prior, config), jax.random.key(0))
    velocity, offset, template, genre = grooves(config, 2)
    patterns = (np.zeros((2, 32), np.int32),) * 2

    def run(params, extra, prior):
        keys = item_keys(jax.random.key(0), jnp.arange(2))
        encoded = network.encode(config, params, extra, velocity, offset, template, genre, *patterns)
        drawn = network.draw_codes(config, params, prior, template, genre, keys=keys)
        learnt, new = network.reconstruct_in_training(
            config, params, extra, velocity, offset, template, genre, *patterns, keys=keys, key=jax.random.key(1), forcing=0.5
        )
        return encoded, drawn, network.decode(config, params, extra, drawn, template, genre, *patterns, keys=keys), learnt, new

    encoded, drawn, groove, learnt, new = jax.eval_shape(run, params, extra, prior)
    shapes = {"1-step": (2, 16), "2-step (VAE)": (2, 64)}
    assert encoded.note.shape == drawn.note.shape == shapes.get(variant, (2, 8))
    assert jax.tree.map(jnp.shape, encoded) == jax.tree.map(jnp.shape, drawn)
    assert all(a.shape == (2, 32, 7) for a in (*groove, learnt.logits, learnt.velocity, learnt.offset))
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, extra)
    expected = {"1-step": {"groove"}, "2-step (VAE)": {"note", "velocity", "timing"}}
    assert set(learnt.gaussians) == expected.get(variant, {"velocity", "timing"})


SCORES = ("logits", "velocity", "offset", "encoded")


@pytest.fixture(scope="module")
def flows():
    """The gradients of each of `SCORES`, and what training leaves behind."""
    params, extra, _ = model()
    velocity, offset, template, genre = grooves()

    def scores(params, codebook):
        out, new = network.reconstruct_in_training(
            CONFIG,
            params,
            {**extra, "codebook": codebook},
            velocity,
            offset,
            template,
            genre,
            keys=item_keys(jax.random.key(0), jnp.arange(ITEMS)),
            key=jax.random.key(1),
            forcing=0.5,
        )
        return {name: jnp.sum(jnp.sin(getattr(out, name))) for name in SCORES}, (out, new)

    @partial(jax.jit, compiler_options=QUICK)
    def run(params, codebook):
        _, back, (out, new) = jax.vjp(scores, params, codebook, has_aux=True)
        each = {name: jnp.eye(len(SCORES))[n] for n, name in enumerate(SCORES)}
        return jax.vmap(back)(each), out, new

    (of_params, of_codebook), out, new = run(params, extra["codebook"])
    return of_params, of_codebook, out, new, extra


def test_gradients_reach_the_parts_that_they_should_and_no_others(flows):
    of_params, of_codebook, *_ = flows
    reached = {
        name: {part for part, tree in of_params.items() if any(np.any(a[n] != 0) for a in jax.tree.leaves(tree))}
        for n, name in enumerate(SCORES)
    }
    # Through the codebook straight to the encoder; the velocities and offsets are learnt on the true notes.
    assert reached == {
        "logits": {"skeleton", "note_encoder", "note_decoder"},
        "velocity": {"skeleton", "velocity_encoder", "velocity_decoder"},
        "offset": {"skeleton", "timing_encoder", "timing_decoder"},
        "encoded": {"skeleton", "note_encoder"},
    }
    assert all(not np.any(a) for a in jax.tree.leaves(of_codebook))
    idle = {jax.tree_util.keystr(path) for path, a in jax.tree_util.tree_leaves_with_path(of_params) if not np.any(a)}
    # No other weight that nothing teaches: a normalisation takes these away again, and rounding would else be all that moves them.
    assert idle == {f"['note_{part}']['conv_{n}']['bias']" for part in ("encoder", "decoder") for n in (0, 1)}


def test_no_two_masks_of_dropout_come_from_one_key(monkeypatch):
    velocity, offset, template, genre = grooves()
    keys, factors, used = item_keys(jax.random.key(0), jnp.arange(ITEMS)), Dropout.factors, []
    params, extra, _ = model()

    def spied(self, shape):
        result = factors(self, shape)
        used.append(jax.random.key_data(network.fold(self.keys, self._calls)))
        return result

    @jax.jit  # of which the compiler leaves out all but the keys
    def run(params, extra):
        how = {"keys": keys, "key": jax.random.key(1), "forcing": 0.5}
        network.reconstruct_in_training(CONFIG, params, extra, velocity, offset, template, genre, **how)
        return jnp.concatenate(used)

    monkeypatch.setattr(Dropout, "factors", spied)
    each = np.asarray(run(params, extra))
    assert len(each) == 20 * ITEMS
    assert len(np.unique(each, axis=0)) == len(each)


def test_training_moves_the_codebook_and_the_statistics_alone(flows):
    _, _, out, new, extra = flows
    assert np.array_equal(out.codes, network.quantize(extra["codebook"], out.encoded)[0])
    chosen = np.bincount(np.asarray(out.codes).ravel(), minlength=CONFIG.codes)
    moved = 0.99 * np.asarray(extra["codebook"]["counts"]) + 0.01 * chosen
    share = ITEMS * CONFIG.code_steps / CONFIG.codes
    np.testing.assert_allclose(new["codebook"]["counts"], np.where(moved < 0.05 * share, share, moved), rtol=1e-5)
    assert all(
        not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (extra["batch_stats"], new["batch_stats"])), strict=True)
    )


def test_the_priors_gradient_stops_before_the_skeleton():
    params, _, prior = model()
    *_, template, genre = grooves()
    codes = np.arange(ITEMS * CONFIG.code_steps, dtype=np.int32).reshape(ITEMS, -1) % CONFIG.codes

    @partial(jax.jit, compiler_options=QUICK)
    def run(params, prior):
        return jax.grad(lambda *a: jnp.sum(jnp.sin(network.prior_logits(CONFIG, *a, codes, template, genre))), (0, 1))(
            params, prior
        )

    of_params, of_prior = run(params, prior)
    assert all(not jnp.any(a) for a in jax.tree.leaves(of_params))
    assert all(jnp.any(a) for a in jax.tree.leaves(of_prior))


def test_the_prior_at_temperature_0_is_its_own_likeliest_code_and_else_follows_its_distribution():
    params, _, prior = model()
    *_, template, genre = grooves()
    keys = item_keys(jax.random.key(0), jnp.arange(ITEMS))
    sample = jax.jit(partial(network.sample_prior, CONFIG), compiler_options=QUICK)
    codes = sample(params, prior, template, genre, keys=keys, temperature=0.0)
    logits = jax.jit(partial(network.prior_logits, CONFIG), compiler_options=QUICK)(params, prior, codes, template, genre)
    np.testing.assert_array_equal(codes, jnp.argmax(logits, -1))
    many = 2000
    keys = item_keys(jax.random.key(1), jnp.arange(many))
    drawn = sample(params, prior, np.repeat(template[:1], many, 0), np.repeat(genre[:1], many), keys=keys, temperature=0.5)
    expected = jax.nn.softmax(logits[0, 0] / 0.5)
    shares = np.bincount(np.asarray(drawn[:, 0]), minlength=CONFIG.codes) / many
    np.testing.assert_allclose(shares, expected, atol=5 * 0.5 / np.sqrt(many))


def test_forced_to_its_own_notes_the_decoder_repeats_itself_and_reads_nothing_later():
    params, extra, _ = model()
    *_, template, genre = grooves()
    code = extra["codebook"]["codes"][np.arange(ITEMS * CONFIG.code_steps).reshape(ITEMS, -1) % CONFIG.codes]
    keys = item_keys(jax.random.key(2), jnp.arange(ITEMS))
    run = jax.jit(partial(network.decode_notes, CONFIG), compiler_options=QUICK)
    everywhere = np.ones((ITEMS, CONFIG.steps), bool)
    logits, fed = run(params, extra, code, template, genre, keys=keys, target=template, forcing=~everywhere)
    again, forced = run(params, extra, code, template, genre, keys=keys, target=fed, forcing=everywhere)
    np.testing.assert_allclose(again, logits, atol=1e-5)
    np.testing.assert_array_equal(forced, fed)
    other, _ = run(params, extra, code, template, genre, keys=keys, target=fed.at[:, 4].set(1 - fed[:, 4]), forcing=everywhere)
    np.testing.assert_allclose(other[:, :5], logits[:, :5], atol=1e-5)
    assert np.abs(other[:, 5] - logits[:, 5]).max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"steps": 30}, "quarter notes"), ({"codes": 0}, "codes"), ({"dropout": 1.0}, "dropout"), ({"note_units": 5}, "even number")],
)
def test_shapes_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        PocketVAEConfig(**settings)


def test_what_the_model_is_told_must_be_given():
    params, extra, _ = model()
    velocity, _, _, genre = grooves()

    def encode(config, *arrays):
        return jax.eval_shape(partial(network.encode_velocity, config), *arrays)

    with pytest.raises(ValueError, match="genres"):
        encode(CONFIG, params, extra, velocity, velocity)
    told = PocketVAEConfig(**TINY, use_patterns=True)
    with pytest.raises(ValueError, match="pattern"):
        encode(told, params, extra, velocity, velocity, genre)


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_those_of_pytorch(variant):
    torch = pytest.importorskip("torch")
    with pytest.MonkeyPatch.context() as patch:
        folder = Path(__file__).parents[2] / "benchmarks"
        patch.syspath_prepend(str(folder))
        spec = importlib.util.spec_from_file_location("torch_pocketvae", folder / "torch_pocketvae.py")
        theirs_ = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "torch_pocketvae", theirs_)
        spec.loader.exec_module(theirs_)
    config = PocketVAEConfig(**TINY, **VARIANTS[variant])
    params, extra, prior = model(config)
    velocity, offset, template, genre = grooves(config)
    note = (velocity > 0).astype(np.float32)
    patterns = [np.random.default_rng(n).integers(0, n, (ITEMS, config.steps)).astype(np.int32) for n in (5, 3)]
    theirs = theirs_.TorchPocketVAE(config).eval()
    theirs_.copy_weights(theirs, params, extra.get("batch_stats"))
    t = torch.from_numpy
    v, m, p, n, g = t(velocity), t(offset), t(template), t(note), t(genre.astype(np.int64))

    def same(a, b):
        for ours, other in zip(jax.tree.leaves(a), b, strict=True):
            np.testing.assert_allclose(ours, other.detach().numpy(), rtol=1e-5, atol=1e-5)

    if variant == "1-step":
        gaussian = theirs.encoder(torch.cat([n, v, m, p], -1))
        same(network.encode_groove(config, params, extra, velocity, offset, template), gaussian)
        z = gaussian[0].detach()
        same(network.decode_groove(config, params, extra, z.numpy(), template)[:3], theirs.decoder(z, p).chunk(3, -1))
        return
    of_template, of_note = theirs.skeleton(p), theirs.skeleton(n)
    if variant == "2-step (VAE)":
        x = torch.cat([n, p], -1)
        gaussian = theirs.note_encoder(x, of_template)
        same(network.encode_notes_gaussian(config, params, extra, note, template), gaussian)
        code = gaussian[0].detach()
        logits = theirs.note_decoder(code, of_template, p, squash=torch.tanh, feed=theirs_.likelier)
    else:
        encoded = theirs.note_encoder(n, p, of_template)
        same(network.encode_notes(config, params, extra, note, template), [encoded])
        theirs.codes.copy_(t(np.array(extra["codebook"]["codes"])))
        code = theirs.quantize(encoded)[1].detach()
        same(network.quantize(extra["codebook"], encoded.detach().numpy()), theirs.quantize(encoded))
        logits = theirs.note_decoder(code, p, of_template, feed=theirs_.likelier)
        of_prior = theirs_.Prior(config).eval()
        theirs_.copy_weights(of_prior, prior)
        codes = theirs.quantize(encoded)[0]
        ours = network.prior_logits(config, params, prior, codes.numpy().astype(np.int32), template, genre)
        same(ours, [of_prior(theirs.conditions(of_template, g), codes)])
    same(network.decode_notes(config, params, extra, code.numpy(), template)[0], [logits])
    for part, value, pattern, classes, head in (
        ("velocity", velocity, patterns[0], 5, torch.sigmoid),
        ("timing", offset, patterns[1], 3, torch.tanh),
    ):
        told = [torch.nn.functional.one_hot(t(pattern.astype(np.int64)), classes).float()] if config.use_patterns else []
        conditions = theirs.conditions(of_note, g)
        gaussian = getattr(theirs, f"{part}_encoder")(torch.cat([t(value), n, *told], -1), conditions)
        same(getattr(network, f"encode_{part}")(config, params, extra, value, note, genre, pattern), gaussian)
        z = gaussian[0].detach()
        out = getattr(theirs, f"{part}_decoder")(z, conditions, torch.cat([n, *told], -1), head=head)
        same(getattr(network, f"decode_{part}")(config, params, extra, z.numpy(), note, genre, pattern), [out])
