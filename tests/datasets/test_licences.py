"""Licences: one spelling each, and no filter that lets a stricter one through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drumjax.datasets.licences import UNKNOWN, admits, licence_id

SPELLINGS = {
    "CC BY": "cc-by",
    "CC BY-SA": "cc-by-sa",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC (by-sa)": "cc-by-sa",
    "CC (by)": "cc-by",
    "CC (by-nc)": "cc-by-nc",
    "CC BY 4.0 International": "cc-by-4.0",
    "Creative Commons Attribution 4.0 International License": "cc-by-4.0",
    "Creative Commons Attribution-NonCommercial-ShareAlike 3.0 Unported": "cc-by-nc-sa-3.0",
    "cc_by_nd": "cc-by-nd",
    "CC0": "cc0",
    "CC0 1.0": "cc0-1.0",
    "CC0 1.0 Universal": "cc0-1.0",
    "BSD": "bsd",
    "BSD-3-Clause": "bsd-3-clause",
    "3-clause BSD": "bsd-3-clause",
    "MIT": "mit",
    "The MIT License": "mit",
    "Artistic-2.0": "artistic-2.0",
    "Artistic 2.0": "artistic-2.0",
    "GPL-2.0-or-later (repository default; no entry in LICENSES.TXT)": "gpl-2.0-or-later",
    "GPLv3": "gpl-3.0",
    "GPL-3.0": "gpl-3.0",
    "GNU GPL v2+": "gpl-2.0-or-later",
    "LGPL-2.1": "lgpl-2.1",
    "Apache License 2.0": "apache-2.0",
    "Public Domain": "public-domain",
    "public domain (as declared)": "public-domain",
    "": UNKNOWN,
    "  ": UNKNOWN,
    None: UNKNOWN,
    "unknown": UNKNOWN,
    "Yellow OpenMusic": "licenseref-yellow-openmusic",
    "MIT for the transcription": "licenseref-mit-for-the-transcription",
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_has_one_id(text):
    assert licence_id(text) == SPELLINGS[text]


@pytest.mark.parametrize(
    "text",
    [
        "CC BY 4.0, non-commercial use only",
        "CC BY (non-commercial)",
        "CC BY 4.0 (no commercial use)",
        "BSD, but not for training",
        "MIT (not for machine learning)",
        "CC BY-ND-NC 4.0",
        "CC BY NC",
        "public domain in the United States only",
    ],
)
def test_further_conditions_are_never_dropped(text):
    assert not admits(["cc-by", "cc0", "bsd", "mit", "public-domain", "cc-by-4.0"], licence_id(text))


@given(st.text(max_size=80) | st.sampled_from([spelling for spelling in SPELLINGS if spelling]))
def test_an_id_is_its_own_id(text):
    assert licence_id(licence_id(text)) == licence_id(text)


@pytest.mark.parametrize(
    ("allowed", "through", "not_through"),
    [
        ("cc-by", ["cc-by", "cc-by-3.0", "cc-by-4.0"], ["cc-by-sa", "cc-by-sa-4.0", "cc-by-nc", "cc-by-nd-4.0", "cc0", UNKNOWN]),
        ("CC BY 4.0", ["cc-by-4.0"], ["cc-by", "cc-by-3.0", "cc-by-sa-4.0"]),
        ("bsd", ["bsd", "bsd-2-clause", "bsd-3-clause"], ["bsd-protection", "mit"]),
        ("gpl", ["gpl-2.0-or-later", "gpl-3.0-only", "gpl-3.0"], ["lgpl-2.1", "agpl-3.0"]),
        ("cc0", ["cc0", "cc0-1.0"], ["cc-by"]),
        ("unknown", [UNKNOWN], ["mit"]),
        ("cc", [], ["cc-by", "cc0"]),
    ],
)
def test_a_filter_lets_its_family_through_and_nothing_else(allowed, through, not_through):
    assert all(admits([allowed], licence) for licence in through)
    assert not any(admits([allowed], licence) for licence in not_through)


def test_no_filter_lets_everything_through():
    assert admits([], UNKNOWN)
    assert admits((), "licenseref-anything")
