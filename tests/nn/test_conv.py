"""The forms of a convolution against each other, Flax's own layer and SciPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from drumjax.nn.conv import StridedConv, strided_conv


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("jit", [False, True])
def test_product_form_equals_stock_form_and_scipy(stride, jit):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(3, 16, 5)).astype(np.float32), rng.normal(size=(2 * stride, 5, 7)).astype(np.float32)
    run = jax.jit(strided_conv, static_argnames="form") if jit else strided_conv
    product, stock = run(x, kernel, form="product"), run(x, kernel, form="stock")
    before = stride // 2
    padded = np.pad(x, ((0, 0), (before, stride - before), (0, 0)))
    for item in range(3):
        for feature in range(7):
            full = sum(scipy.signal.correlate(padded[item, :, c], kernel[:, c, feature], "valid") for c in range(5))
            np.testing.assert_allclose(product[item, :, feature], full[::stride], atol=1e-5)
    np.testing.assert_allclose(product, stock, atol=1e-5)


def test_gradients_of_both_forms_agree():
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(3, 16, 5)), rng.normal(size=(4, 5, 7))

    def loss(form):
        return jax.grad(lambda x, k: jnp.sum(jnp.sin(strided_conv(x, k, form=form))), (0, 1))

    for a, b in zip(loss("product")(x, kernel), loss("stock")(x, kernel), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_weights_are_those_of_the_stock_layer():
    x = jax.random.normal(jax.random.key(0), (2, 16, 5))
    stock, ours = nn.Conv(7, (4,), strides=(2,)), StridedConv(7)
    params = stock.init(jax.random.key(1), x)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, ours.init(jax.random.key(1), x))
    np.testing.assert_allclose(ours.apply(params, x), stock.apply(params, x), atol=1e-5)


def test_steps_between_strides_are_refused():
    with pytest.raises(ValueError, match="whole strides"):
        strided_conv(jnp.zeros((1, 15, 2)), jnp.zeros((4, 2, 3)))
    with pytest.raises(ValueError, match="two strides"):
        strided_conv(jnp.zeros((1, 16, 2)), jnp.zeros((3, 2, 3)))
