"""Schedules at the points where their constants stand."""

import jax.numpy as jnp
import numpy as np
import pytest

from drumjax.systems import Progress
from drumjax.systems.schedules import Forcing, forcing_ratio, ramp


def at(fraction):
    return Progress(jnp.int32(0), jnp.float32(fraction))


def test_forcing_falls_exponentially_from_one_to_its_end_and_stays_there():
    forcing = Forcing(end=0.5, share=0.02)
    ratios = [float(forcing_ratio(forcing, at(f))) for f in (0, 0.005, 0.01, 0.015, 0.02, 0.5, 0.999)]
    # Equal parts of the share multiply by equal factors.
    np.testing.assert_allclose(ratios, [1, 0.5**0.25, 0.5**0.5, 0.5**0.75, 0.5, 0.5, 0.5], rtol=1e-5)
    assert float(forcing_ratio(Forcing(end=0.3, share=0), at(0))) == pytest.approx(0.3)
    assert float(forcing_ratio(Forcing(end=1), at(0.7))) == 1


def test_a_ramp_begins_anew_with_each_cycle():
    # Five cycles, the ramp nine tenths of each: a cycle is a fifth of the training, the top is held for its last fiftieth.
    five = [float(ramp(at(f), share=0.9, cycles=5)) for f in (0, 0.09, 0.18, 0.199, 0.2001, 0.29, 0.38, 0.99, 0.9999)]
    np.testing.assert_allclose(five, [0, 0.5, 1, 1, 0.0005 / 0.9, 0.5, 1, 1, 1], atol=1e-5)
    one = [float(ramp(at(f), share=0.1)) for f in (0, 0.05, 0.1, 0.999)]
    np.testing.assert_allclose(one, [0, 0.5, 1, 1], rtol=1e-6)
    assert float(ramp(at(0), share=0, cycles=3)) == 1


@pytest.mark.parametrize("wrong", [{"end": 0.0}, {"end": 1.1}, {"share": -0.1}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Forcing(**wrong)
