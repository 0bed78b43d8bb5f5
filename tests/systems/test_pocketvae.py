"""PocketVAE's losses, schedules, validation sums and prior, and that they learn."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics

from drumjax.models.pocketvae import PocketVAEConfig, Reconstruction, decode, encode, item_keys
from drumjax.patterns.templates import TemplateRules, template, timing_pattern, velocity_pattern
from drumjax.systems import Progress
from drumjax.systems.pocketvae import (
    FORCING,
    PRIOR_FORCING,
    PocketVAELoss,
    grooves_of,
    kl_weight,
    objective,
    pocketvae_system,
    prior_system,
    summarise,
    terms,
)
from drumjax.systems.schedules import forcing_ratio
from drumjax.train.engine import State, make_step, new_state

SMALL = PocketVAEConfig(
    use_patterns=True, skeleton_units=8, note_units=8, expressive_units=8, prior_units=8, codes=8, code_size=4, dropout=0.0
)
ITEMS = 8
pytestmark = pytest.mark.usefixtures("compiled_quickly")


def at(epoch, of=500):
    return Progress(jnp.int32(epoch), jnp.float32(epoch / of))


@pytest.fixture(scope="module")
def batch():
    """Four grooves twice, each with an even hat, kicks, a snare and a few more notes; the last two of eight are padding."""
    rng = np.random.default_rng(3)
    velocity = np.where(rng.uniform(size=(4, 32, 7)) < 0.1, rng.uniform(0.2, 1, (4, 32, 7)), 0).astype(np.float32)
    velocity[:, ::2, 2], velocity[:, 4::8, 1] = 0.6, 0.9
    offset = np.where(velocity > 0, rng.uniform(-0.5, 0.5, velocity.shape), 0).astype(np.float32)
    return {
        "velocity": jnp.tile(velocity, (2, 1, 1)),
        "offset": jnp.tile(offset, (2, 1, 1)),
        "genre": jnp.arange(ITEMS) % 4,
        "slot": jnp.arange(ITEMS),
        "mask": jnp.ones(ITEMS),
    }


@pytest.fixture(scope="module")
def learned(batch, compiled_quickly):
    """The modules before, after two and after many steps on the batch, with the metrics of each step."""
    system, optimizers = pocketvae_system(SMALL, augment=False), {"pocketvae": optax.adam(1e-2)}

    def start(key):
        return new_state(*system.init(key, batch), optimizers, key)

    first = jax.jit(start)(jax.random.key(0))
    step = jax.jit(make_step(system, optimizers))
    states, metrics = [first], []
    for _ in range(120):
        state, values = step(states[-1], batch, jnp.int32(10_000))
        metrics.append({name: float(value) for name, value in values.items()})
        states = [*states[:2], state]
    return system, [states[0], states[1], states[2]], metrics


def as_numpy(tree):
    return jax.tree.map(np.asarray, tree)


def test_forcing_and_beta_stand_where_the_paper_and_the_code_have_them():
    # Sec. 3.4.3: from 1 to .5; the public code: over 10 epochs of 500, the prior over 30, down to .44.
    np.testing.assert_allclose([float(forcing_ratio(FORCING, at(e))) for e in (0, 5, 10, 499)], [1, 0.5**0.5, 0.5, 0.5], rtol=1e-5)
    ratios = [float(forcing_ratio(PRIOR_FORCING, at(e))) for e in (0, 15, 30, 499)]
    np.testing.assert_allclose(ratios, [1, 0.44**0.5, 0.44, 0.44], rtol=1e-5)
    # From 0 to .2 (Sec. 3.4.3), five times, each time over nine tenths (the public code): a cycle is 100 epochs.
    cycle = [float(kl_weight(PocketVAELoss(), at(e))) for e in (0, 45, 90, 99, 145, 490, 499)]
    np.testing.assert_allclose(cycle, [0, 0.1, 0.2, 0.2, 0.1, 0.2, 0.2], atol=1e-4)
    once = [float(kl_weight(PocketVAELoss(kl_cycles=1, kl_ramp=1.0), at(e))) for e in (0, 250, 499)]
    np.testing.assert_allclose(once, [0, 0.1, 0.2 * 0.998], rtol=1e-4)
    assert PocketVAELoss().commitment_weight == 0.2
    for field, value in (("kl_weight", -0.1), ("kl_cycles", 0), ("commitment_weight", float("nan"))):
        with pytest.raises(ValueError, match=field):
            PocketVAELoss(**{field: value})


@pytest.mark.parametrize("sums", ["sequence", "code"])
@pytest.mark.parametrize("codebook", [True, False], ids=["codebook", "gaussian"])
def test_the_objective_is_eq_5_summed_over_a_groove_or_as_the_public_code_has_it(sums, codebook):
    rng = np.random.default_rng(5)
    logits, velocity, offset, mean, log_variance = (rng.normal(size=(3, *shape)) for shape in [(32, 7)] * 3 + [(6,)] * 2)
    z, codes = rng.normal(size=(2, 3, 8, 4))
    note = (rng.uniform(size=logits.shape) < 0.3).astype(np.float32)
    rebuilt = Reconstruction(logits, velocity, offset, {"timing": (mean, log_variance)}, *((z, None, codes) if codebook else ()))
    each = terms(rebuilt, {"note": note, "velocity": 0 * velocity, "offset": 0 * offset})
    mask, beta = jnp.array([1.0, 1.0, 0.0]), jnp.float32(0.1)
    value, parts = objective(PocketVAELoss(sums=sums, commitment_weight=0.3), each, mask, beta, 32, 224)

    def own(array):
        return np.asarray(array, np.float64)[:2]  # the third is padding

    chance = scipy.special.expit(own(logits))
    expected = {
        "bce": -np.sum(scipy.special.xlogy(own(note), chance) + scipy.special.xlog1py(1 - own(note), -chance)),
        "velocity": np.sum(own(velocity) ** 2),
        "timing": np.sum(own(offset) ** 2),
        "kl_timing": -0.5 * np.sum(1 + own(log_variance) - own(mean) ** 2 - np.exp(own(log_variance))),
    }
    if codebook:
        expected["commitment"] = np.sum((own(z) - own(codes)) ** 2)
    if sums == "sequence":
        expected = {name: total / 2 for name, total in expected.items()}
    else:  # `F.binary_cross_entropy_with_logits`, `F.mse_loss`, and `kl_loss`, a sum over everything
        size = {"commitment": 32, "kl_timing": 0.5}
        expected = {name: total / 2 / size.get(name, 224) for name, total in expected.items()}
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(expected, rel=1e-5)
    weights = {"commitment": 0.3, "kl_timing": 0.1}
    assert float(value) == pytest.approx(sum(weights.get(name, 1) * part for name, part in expected.items()), rel=1e-5)


def test_the_commitment_moves_the_encoder_and_not_the_codebook():
    z, codes = jnp.ones((1, 2, 3)), 3 * jnp.ones((1, 2, 3))

    def loss(z, codes):
        straight = z + jax.lax.stop_gradient(codes - z)
        rebuilt = Reconstruction(*[jnp.zeros((1, 4, 7))] * 3, {}, z, None, straight)
        return terms(rebuilt, dict.fromkeys(("note", "velocity", "offset"), jnp.zeros((1, 4, 7))))["commitment"][0]

    of_z, of_codes = jax.grad(loss, (0, 1))(z, codes)
    np.testing.assert_allclose(of_z, 2 * (z - codes))
    assert not np.any(of_codes)


def test_templates_and_control_patterns_are_those_of_the_batch(batch):
    groove = jax.jit(lambda batch: grooves_of(batch, TemplateRules(snare="paper"), True))(batch)
    velocity, offset = np.asarray(batch["velocity"]), np.asarray(batch["offset"])
    np.testing.assert_array_equal(groove["template"], template(velocity, TemplateRules(snare="paper")))
    np.testing.assert_array_equal(groove["velocity_pattern"], velocity_pattern(velocity))
    np.testing.assert_array_equal(groove["timing_pattern"], timing_pattern(velocity, offset))
    assert "timing_pattern" not in jax.eval_shape(lambda: grooves_of(batch, TemplateRules(), False))


def test_two_steps_move_every_weight_and_what_is_kept_beside_them(learned):
    _, (first, second, _), metrics = learned
    for tree in ("params", "extra"):
        changes = jax.tree.map(lambda a, b: np.abs(a - b).max(), getattr(second, tree), getattr(first, tree))
        for path, change in jax.tree.leaves_with_path(changes):
            # But for what the normalisation behind it takes away again.
            before_norm = jax.tree_util.keystr(path[-2:-1]).startswith("['conv_") and path[-1].key == "bias"
            assert (change == 0) if before_norm else (change > 0), jax.tree_util.keystr(path)
    step = metrics[0]
    assert (step["kl_weight"], step["forcing"]) == (0, 1)
    parts = {"bce": 1, "velocity": 1, "timing": 1, "commitment": 0.2}
    assert step["loss"] == pytest.approx(sum(weight * step[name] for name, weight in parts.items()), rel=1e-5)
    later = metrics[-1]
    beta = 0.2 * (119 / 10_000 * 5) / 0.9
    assert later["kl_weight"] == pytest.approx(beta, rel=1e-3)
    parts |= {"kl_velocity": beta, "kl_timing": beta}
    assert later["loss"] == pytest.approx(sum(weight * later[name] for name, weight in parts.items()), rel=1e-3)


def test_the_loss_falls_on_a_few_grooves(learned):
    _, _, metrics = learned
    for name in ("bce", "velocity", "timing"):
        assert np.mean([step[name] for step in metrics[-5:]]) < 0.6 * metrics[0][name], name


@pytest.mark.parametrize("variant", ["2-step-vae", "1-step"])
def test_the_gaussian_variants_learn_and_an_items_draws_are_its_own(batch, variant):
    """Dropout, augmentation, codes, forcing and what is fed back go by the slot, not by the place in the batch."""
    config = replace(SMALL, variant=variant, use_patterns=False, note_code=4, one_step_units=8, dropout=0.5)
    system, optimizers = pocketvae_system(config), {"pocketvae": optax.adam(1e-2)}
    start = jax.jit(lambda key: new_state(*system.init(key, batch), optimizers, key))
    first, step = start(jax.random.key(0)), jax.jit(make_step(system, optimizers))
    late = first.replace(step=jnp.int32(5_000))  # half of the steps are forced
    order = np.random.default_rng(0).permutation(ITEMS)
    _, one = step(late, batch, jnp.int32(10_000))
    _, other = step(late, {name: array[order] for name, array in batch.items()}, jnp.int32(10_000))
    assert {name: float(value) for name, value in other.items()} == pytest.approx(
        {name: float(value) for name, value in one.items()}, rel=1e-4
    )
    now, values = first, []
    for _ in range(60):
        now, metrics = step(now, batch, jnp.int32(10_000))
        values.append(float(metrics["bce"] + metrics["velocity"] + metrics["timing"]))
    for path, change in jax.tree.leaves_with_path(jax.tree.map(lambda a, b: np.abs(a - b).max(), now.params, first.params)):
        assert change > 0, jax.tree_util.keystr(path)
    assert now.extra == {}
    assert np.mean(values[-5:]) < 0.7 * values[0]
    assert {name for name in metrics if name.startswith("kl_")} == {
        "2-step-vae": {"kl_note", "kl_velocity", "kl_timing", "kl_weight"},
        "1-step": {"kl_groove", "kl_weight"},
    }[variant]


def test_validation_sums_give_the_figures_of_scikit_learn_on_what_is_decoded_freely(learned, batch):
    system, (_, _, state), _ = learned
    masked = {**batch, "mask": jnp.arange(ITEMS) < 6}
    other = {**masked, "velocity": masked["velocity"].at[6:].set(1)}
    validate = jax.jit(system.validate)
    sums, again = (as_numpy(validate(state.params, state.extra, b)) for b in (masked, other))
    for name, value in sums.items():
        np.testing.assert_allclose(value, again[name], rtol=1e-4, atol=1e-4, err_msg=name)
    own = slice(6)

    @jax.jit
    def rebuilt(params, extra, batch):
        groove = grooves_of(batch, TemplateRules(), True)
        conditions = [groove[name] for name in ("template", "genre", "velocity_pattern", "timing_pattern")]
        codes = encode(SMALL, params, extra, groove["velocity"], groove["offset"], *conditions)
        keys = item_keys(jax.random.key(0), batch["slot"])
        return codes, decode(SMALL, params, extra, codes, *conditions, keys=keys, note=groove["note"])

    codes, made = as_numpy(rebuilt(state.params["pocketvae"], state.extra, batch))
    figures, note = summarise(sums), np.asarray(batch["velocity"]) > 0
    true, found = note[own].reshape(-1, 7), made.note[own].reshape(-1, 7).astype(bool)
    heard = (true | found).any(1)
    of_steps = sklearn.metrics.f1_score(true[heard], found[heard], average="samples", zero_division=0)
    assert figures["note_f1"] == pytest.approx(of_steps, abs=1e-5)
    assert figures["note_f1_micro"] == pytest.approx(sklearn.metrics.f1_score(true, found, average="micro"), abs=1e-5)
    for name, values, target in (("velocity", made.velocity, "velocity"), ("timing", made.offset, "offset")):
        error = values[own] - np.asarray(batch[target])[own]
        assert figures[f"{name}_mse"] == pytest.approx(np.mean(error**2), rel=1e-4)
    assert figures["loss"] == pytest.approx(figures["bce"] + 224 * (figures["velocity_mse"] + figures["timing_mse"]), rel=1e-5)
    shares = np.bincount(codes.note[own].ravel(), minlength=8) / codes.note[own].size
    assert figures["codes_used"] == np.count_nonzero(shares)
    assert figures["code_perplexity"] == pytest.approx(np.exp(scipy.stats.entropy(shares)), rel=1e-5)


def test_the_prior_learns_the_codes_of_frozen_modules(learned, batch):
    _, (_, _, state), _ = learned
    system, optimizers = prior_system(replace(SMALL, prior_dropout=0.0)), {"prior": optax.adam(3e-2)}
    prior = jax.jit(lambda key: system.init(key, batch)[0]["prior"])(jax.random.key(1))
    begun: State = new_state({**state.params, "prior": prior}, state.extra, optimizers, jax.random.key(2))
    step, now, values = jax.jit(make_step(system, optimizers)), begun, []
    for _ in range(80):
        now, metrics = step(now, batch, jnp.int32(80))
        values.append(float(metrics["loss"]))
    assert values[0] == pytest.approx(np.log(8), rel=0.2)
    assert np.mean(values[-5:]) < 0.5 * values[0]
    for tree in (begun.params["pocketvae"], now.params["pocketvae"]), (begun.extra, now.extra):
        jax.tree.map(np.testing.assert_array_equal, *tree)
    figures = summarise(as_numpy(jax.jit(system.validate)(now.params, now.extra, batch)))
    assert figures["loss"] == figures["prior_loss"] < 0.5 * values[0]
    assert figures["prior_accuracy"] > 0.8


@pytest.mark.parametrize("player", ["prior", "nothing else"])
def test_samples_are_grooves_of_as_many_templates(player):
    system = pocketvae_system(SMALL) if player == "nothing else" else prior_system(SMALL)

    def made(key):
        condition = {"template": jnp.zeros((3, 32, 7)), "genre": jnp.arange(3)}
        condition |= dict.fromkeys(("velocity_pattern", "timing_pattern"), jnp.ones((3, 32), jnp.int32))
        return system.sample(*system.init(key, {}), key, condition)

    assert {leaf.shape for leaf in jax.tree.leaves(jax.eval_shape(made, jax.random.key(0)))} == {(3, 32, 7)}


def test_a_variant_without_a_codebook_has_no_prior():
    with pytest.raises(ValueError, match="2-step-vq"):
        prior_system(replace(SMALL, variant="2-step-vae"))
