"""The forms of convolutions against each other, Flax's own layer and SciPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from drumjax.nn.conv import StridedConv, strided_conv, strided_conv2d, transposed_conv2d, widened_conv


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


@pytest.mark.parametrize("stride", [2, 4])
def test_widened_convolution_adds_the_kernel_a_stride_apart_and_is_the_strided_ones_transpose(stride):
    rng = np.random.default_rng(3)
    x, kernel = rng.normal(size=(2, 5, 3)).astype(np.float32), rng.normal(size=(2 * stride, 3, 4)).astype(np.float32)
    expected = np.zeros((2, 5 * stride + 2 * stride, 4))
    for t in range(5):
        expected[:, stride * t : stride * t + 2 * stride] += np.einsum("nc,kcf->nkf", x[:, t], kernel)
    y = jax.jit(widened_conv)(x, kernel)
    np.testing.assert_allclose(y, expected[:, stride // 2 :][:, : 5 * stride], atol=1e-5)
    back = strided_conv(y, kernel.swapaxes(1, 2))
    np.testing.assert_allclose(jnp.vdot(back, x), jnp.vdot(y, y), rtol=1e-4)


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
    with pytest.raises(ValueError, match="two even strides"):
        widened_conv(jnp.zeros((1, 16, 2)), jnp.zeros((6, 2, 3)))


# (rows, columns, channels, features), kernel, stride, padding: the CWAE's three convolutions with few channels, the first one also
# wide enough for XLA's own form, and shapes at the edges of what is allowed.
CWAE = ((5, 11), (2, 3), (2, 5))
GEOMETRIES = {
    "one channel, few features": ((86, 512, 1, 3), *CWAE),
    "one channel": ((86, 512, 1, 24), *CWAE),
    "middle": ((43, 171, 3, 2), *CWAE),
    "last": ((22, 57, 2, 3), *CWAE),
    "stride 1 and no padding": ((9, 14, 2, 3), (3, 4), (1, 2), (0, 1)),
    "rows beyond the last window": ((9, 14, 1, 2), (4, 3), (3, 2), (3, 0)),
    "windows side by side": ((10, 10, 3, 2), (2, 3), (2, 3), (0, 0)),
}


def both_forms(geometry, items, seed=0):
    """What the two forms give for a strided convolution and its transpose: results and gradients, as functions of arrays."""
    (rows, columns, channels, features), kernel, stride, padding = GEOMETRIES[geometry]
    rng = np.random.default_rng(seed)
    small = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip((rows, columns), padding, kernel, stride, strict=True)]
    x, y = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((rows, columns, channels), (*small, features)))
    x, y = (jnp.stack([a + 0.1 * i for i in range(items)]) for a in (x, y))
    weights = jnp.asarray(rng.normal(size=(*kernel, channels, features)), jnp.float32)

    def results(form):
        def run(x, y, weights):
            forward, back = jax.vjp(lambda x, k: strided_conv2d(x, k, stride=stride, padding=padding, form=form), x, weights)
            across, return_ = jax.vjp(
                lambda y, k: transposed_conv2d(y, k, stride=stride, padding=padding, size=(rows, columns), form=form),
                y,
                weights.swapaxes(2, 3),
            )
            return forward, *back(y), across, *return_(x)

        return run

    return results("product"), results("stock"), (x, y, weights)


def assert_close(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, atol=1e-5 * float(jnp.abs(other).max()))


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forms_of_2d_convolutions_have_equal_results_and_gradients(geometry):
    product, stock, arrays = both_forms(geometry, 3)
    assert_close(jax.jit(product)(*arrays), jax.jit(stock)(*arrays))


def test_forms_of_2d_convolutions_agree_for_one_item_and_without_jit():
    product, stock, arrays = both_forms("windows side by side", 1)
    assert_close(product(*arrays), stock(*arrays))


def test_2d_convolution_is_scipys_and_its_transpose_adds_the_kernel_where_the_input_is():
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(1, 9, 14, 2)).astype(np.float32), rng.normal(size=(4, 3, 2, 3)).astype(np.float32)
    padded = np.pad(x[0], ((1, 1), (2, 2), (0, 0)))
    y = np.asarray(strided_conv2d(x, kernel, stride=(2, 3), padding=(1, 2), form="product"))
    for feature in range(3):
        full = sum(scipy.signal.correlate(padded[..., c], kernel[..., c, feature], "valid") for c in range(2))
        np.testing.assert_allclose(y[0, ..., feature], full[::2, ::3], atol=1e-5)
    back = np.zeros((20, 20, 2))
    for row, column in np.ndindex(y.shape[1:3]):
        back[2 * row : 2 * row + 4, 3 * column : 3 * column + 3] += kernel @ y[0, row, column]
    weights = kernel.swapaxes(2, 3)
    transposed = transposed_conv2d(jnp.asarray(y), weights, stride=(2, 3), padding=(1, 2), size=(9, 14), form="product")
    np.testing.assert_allclose(transposed[0], back[1:10, 2:16], atol=1e-4)


def test_gradient_of_a_kernel_needs_no_more_memory_for_more_images():
    def temporary_bytes(items):
        def gradient(x, kernel):
            conv = lambda k: strided_conv2d(x, k, stride=(2, 3), padding=(2, 5), form="product")  # noqa: E731
            return jax.grad(lambda k: jnp.sum(jnp.square(conv(k))))(kernel)

        shapes = jax.ShapeDtypeStruct((items, 43, 171, 8), jnp.float32), jax.ShapeDtypeStruct((5, 11, 8, 8), jnp.float32)
        return jax.jit(gradient).lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    images = 43 * 171 * 8 * 4
    assert temporary_bytes(16) - temporary_bytes(2) < 14 * images  # windows of an image hold nine times its numbers


def test_2d_convolutions_that_make_no_sense_are_refused():
    x, kernel = jnp.zeros((1, 8, 8, 1)), jnp.zeros((2, 3, 1, 1))
    with pytest.raises(ValueError, match="smaller than the stride"):
        strided_conv2d(x, kernel, stride=(3, 3), padding=(0, 0))
    with pytest.raises(ValueError, match="larger than the padding"):
        transposed_conv2d(x, kernel, stride=(2, 3), padding=(2, 0), size=(15, 24))
    with pytest.raises(ValueError, match=r"found \(15, 20\)"):
        transposed_conv2d(x, kernel, stride=(2, 3), padding=(0, 0), size=(15, 20))
