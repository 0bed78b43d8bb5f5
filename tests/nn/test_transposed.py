"""The sub-pixel form of the transposed convolution against XLA's own and against a double loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.nn.transposed import fast_group, resolve, subpixel_matrix, transposed_conv, windows

CASES = [(13, 2, 1, 10), (13, 2, 4, 16), (13, 2, 8, 16), (13, 2, 2, 16), (7, 4, 1, 5), (7, 3, 3, 9), (3, 2, 1, 4), (1, 2, 1, 4)]


def draw(width, steps, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, steps, 3)).astype(np.float32), rng.normal(size=(width, 3, 5)).astype(np.float32)


def by_hand(x, kernel, stride):
    """Every input step adds the kernel, its taps in reverse order, to the outputs around its own."""
    width, half = len(kernel), (len(kernel) - 1) // 2
    items, steps, _ = x.shape
    out = np.zeros((items, stride * steps + 2 * width, kernel.shape[2]))
    for i in range(steps):
        for tap in range(width):
            out[:, width + stride * i + half - tap] += x[:, i] @ kernel[tap]
    return out[:, width : width + stride * steps]


@pytest.mark.parametrize(("width", "stride", "group", "steps", "jit"), [(*CASES[1], False), *((*case, True) for case in CASES)])
def test_product_form_equals_stock_form_and_a_double_loop(width, stride, group, steps, jit):
    x, kernel = draw(width, steps)
    run = jax.jit(transposed_conv, static_argnames=("stride", "form", "group")) if jit else transposed_conv
    product = run(x, kernel, stride=stride, form="product", group=group)
    np.testing.assert_allclose(product, by_hand(x, kernel, stride), atol=1e-5)
    np.testing.assert_allclose(product, run(x, kernel, stride=stride, form="stock"), atol=1e-5)


@pytest.mark.parametrize(("width", "stride", "group"), [(13, 2, 1), (13, 2, 4), (7, 4, 2), (5, 3, 1)])
def test_gradients_of_both_forms_agree(width, stride, group):
    x, kernel = draw(width, 16)

    def gradients(form):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(transposed_conv(x, kernel, stride=stride, form=form, group=group)))

        return jax.jit(jax.grad(loss, (0, 1)))(x, kernel)

    for product, stock in zip(gradients("product"), gradients("stock"), strict=True):
        np.testing.assert_allclose(product, stock, rtol=1e-5, atol=1e-5)


def test_it_is_the_transpose_of_a_strided_convolution():
    """PyTorch's definition: the gradient of a convolution with the same padding, with the taps in reverse order."""
    _, kernel = draw(13, 16)
    image = jnp.zeros((2, 32, 5))

    def forward(image):
        return jax.lax.conv_general_dilated(
            image, kernel[::-1].transpose(0, 2, 1), (2,), [(6, 6)], dimension_numbers=("NWC", "WIO", "NWC")
        )

    x = jax.random.normal(jax.random.key(0), forward(image).shape)
    expected = jax.vjp(forward, image)[1](x)[0]
    np.testing.assert_allclose(transposed_conv(x, kernel, form="product"), expected, atol=1e-5)


def test_windows_are_slices_of_the_padded_steps():
    x, _ = draw(13, 12)
    padded = np.pad(x, ((0, 0), (3, 3), (0, 0)))
    for group in (1, 4):
        expected = np.stack([padded[:, j : j + 6 + group].reshape(2, -1) for j in range(0, 12, group)], 1)
        np.testing.assert_array_equal(windows(x, 3, 3, group), expected)


def test_the_cpu_takes_the_product_form(monkeypatch):
    assert resolve("stock") == "stock"
    for backend, form in (("cpu", "product"), ("gpu", "stock"), ("tpu", "stock")):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        assert resolve("auto") == form
    assert [fast_group(*size) for size in ((512, 1), (4, 64), (4, 2))] == [1, 4, 1]


def test_even_widths_and_broken_groups_are_refused():
    with pytest.raises(ValueError, match="odd width, found 4"):
        subpixel_matrix(jnp.zeros((4, 2, 2)))
    for form in ("product", "stock"):
        with pytest.raises(ValueError, match="odd width, found 4"):
            transposed_conv(jnp.zeros((1, 4, 2)), jnp.zeros((4, 2, 2)), form=form)
    with pytest.raises(ValueError, match="groups of 4, found 10"):
        windows(jnp.zeros((1, 10, 2)), 3, 3, 4)
