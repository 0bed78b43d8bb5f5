"""The MCNN: its size, its shapes, its forms, and that silence stays silence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.models import mcnn
from drumjax.models.mcnn import MCNNConfig

TINY = MCNNConfig(bins=16, heads=2, channels=(4, 2, 2))
pytestmark = pytest.mark.usefixtures("compilation_cache")
synthesize, vocode = (jax.jit(f, static_argnums=0, static_argnames="form") for f in (mcnn.synthesize, mcnn.vocode))
init = jax.jit(mcnn.init, static_argnums=0)


def size(tree):
    return sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


@pytest.fixture(scope="module")
def tiny(compilation_cache):
    params = init(TINY, jax.random.key(0))
    return params | {"head_weights": jnp.array([0.5, -2.0]), "a": jnp.float32(0.7), "b": jnp.float32(-3.0)}


def test_the_papers_network_has_7951850_parameters():
    params = jax.eval_shape(lambda: mcnn.init(MCNNConfig(), jax.random.key(0)))
    assert size(params) == 7_951_850
    channels = (512, 128, 64, 32, 16, 8, 4, 2, 2)
    assert [leaf.shape for leaf in params["layers"]] == [(8, 13, *channels[i : i + 2]) for i in range(8)]


@pytest.mark.parametrize("form", ["product", "stock"])
def test_every_layer_doubles_the_steps_from_86_to_22016(form, monkeypatch):
    seen, activation = [], mcnn.elu
    monkeypatch.setattr(mcnn, "elu", lambda x: (seen.append(x.shape), activation(x))[1])
    config = MCNNConfig()
    params = jax.eval_shape(lambda: mcnn.init(config, jax.random.key(0)))
    mel = jax.ShapeDtypeStruct((3, 86, 512), jnp.float32)
    waveform, mask = jax.eval_shape(lambda params, mel: mcnn.synthesize(config, params, mel, form=form), params, mel)
    assert waveform.shape == mask.shape == (3, 22_015)
    assert config.samples(86) == 22_015
    assert config.hop_samples == 256
    steps = [86 * 2**layer for layer in range(1, 9)]
    expected = {(3, s, c) for s, c in zip(steps, (128, 64, 32, 16, 8, 4, 2, 2), strict=True)}
    assert set(seen) == expected
    assert len(seen) == 64


@pytest.mark.parametrize(("last_elu", "form"), [(True, "product"), (False, "product"), (True, "stock")])
def test_zero_frames_give_exact_zeros(tiny, last_elu, form):
    config = MCNNConfig(**{**TINY.__dict__, "last_elu": last_elu})
    waveform, mask = synthesize(config, tiny, np.zeros((2, 8, 16), np.float32), form=form)
    assert not np.any(waveform)
    assert not np.any(mask)
    assert not np.any(mcnn.masked(waveform, mask))


@pytest.mark.parametrize("last_elu", [False, True])
def test_it_is_equations_6_and_7_with_stock_layers(tiny, last_elu):
    config = MCNNConfig(**{**TINY.__dict__, "last_elu": last_elu})
    mel = np.random.default_rng(1).uniform(size=(2, 8, 16)).astype(np.float32)

    @jax.jit
    def by_hand(params, mel):
        x, mask = 0, 0
        for head in range(2):
            y = mel
            for layer, kernels in enumerate(params["layers"]):
                y = jax.lax.conv_transpose(y, kernels[head], (2,), [(6, 7)], dimension_numbers=("NWC", "WIO", "NWC"))
                y = jax.nn.elu(y) if layer < 2 or last_elu else y
            x, mask = x + params["head_weights"][head] * y[:, :-1, 0], mask + y[:, :-1, 1]
        return 0.7 * x / (1 + abs(-3.0 * x)), mask

    expected, mask = (np.asarray(a) for a in by_hand(tiny, mel))
    waveform, logits = synthesize(config, tiny, mel)
    np.testing.assert_allclose(waveform, expected, atol=1e-5)
    np.testing.assert_allclose(logits, mask, atol=1e-5)
    on = 1 / (1 + np.exp(-mask)) > 0.5
    assert 0 < on.mean() < 1
    np.testing.assert_allclose(vocode(config, tiny, mel), np.where(on, expected, 0), atol=1e-5)


def test_forms_agree_in_values_and_gradients(tiny):
    mel = jax.random.uniform(jax.random.key(1), (2, 8, 16))

    def run(form):
        def loss(params, mel):
            waveform, mask = mcnn.synthesize(TINY, params, mel, form=form)
            return jnp.sum(jnp.sin(3 * waveform)) + jnp.sum(jnp.cos(mask))

        return jax.jit(jax.value_and_grad(loss, (0, 1)))(tiny, mel)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), run("product"), run("stock"))


def test_the_first_weights_keep_the_signal_alive():
    mel = jnp.abs(jax.random.normal(jax.random.key(3), (1, 64, 32)))
    config = MCNNConfig(bins=32, heads=1, channels=(16, 8, 2))
    params = init(config, jax.random.key(4)) | {"b": jnp.float32(0)}
    waveform, mask = synthesize(config, params, mel)
    assert 0.05 < float(jnp.std(waveform)) < 1
    assert 0.1 < float(jnp.std(mask)) < 2


@pytest.mark.parametrize("form", ["product", "stock"])
def test_arranged_parameters_give_the_same_sound(tiny, form):
    mel = jax.random.uniform(jax.random.key(1), (2, 8, 16))
    arranged = mcnn.arrange(TINY, tiny, form=form)
    run = jax.jit(mcnn.synthesize_arranged, static_argnums=0, static_argnames="form")
    for a, b in zip(run(TINY, arranged, mel, form=form), synthesize(TINY, tiny, mel, form=form), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_elu_is_jaxs_with_its_gradient():
    x = jnp.linspace(-30, 30, 1001)
    np.testing.assert_allclose(mcnn.elu(x), jax.nn.elu(x), atol=1e-7)
    np.testing.assert_allclose(jax.vmap(jax.grad(mcnn.elu))(x[x != 0]), jax.vmap(jax.grad(jax.nn.elu))(x[x != 0]), atol=1e-6)


def test_half_precision_stays_near(tiny):
    mel = jax.random.uniform(jax.random.key(1), (2, 8, 16))
    full, half = (synthesize(MCNNConfig(**{**TINY.__dict__, "dtype": d}), tiny, mel)[0] for d in ("float32", "bfloat16"))
    assert half.dtype == jnp.float32
    assert 0 < float(jnp.max(jnp.abs(full - half))) < 0.1


@pytest.mark.parametrize(
    ("field", "value"), [("bins", 0), ("heads", 0), ("stride", 0), ("width", 12), ("channels", ()), ("channels", (4, 1))]
)
def test_sizes_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        MCNNConfig(**{field: value})
