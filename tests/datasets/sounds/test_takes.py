"""Which files are takes of one drum."""

from __future__ import annotations

import pytest

from drumjax.datasets.sounds.takes import MOST_TAKES, series, take_groups


@pytest.mark.parametrize(
    "names",
    [
        ["k/snare 1.wav", "k/snare 2.wav", "k/Snare 03.flac", "k/snare.wav"],
        ["ks_vl1_rr1.wav", "ks_vl6_rr4.wav", "ks_vl1_rr4_3.wav"],
        ["a/kick12.wav", "a/kick7.wav"],
        ["a/Snare (2).wav", "a/snare (10).wav"],
        ["a/10_kdrum_kdrum.wav", "a/2_kdrum_kdrum.wav"],
        ["snare/01.wav", "snare/14.wav"],
        ["a/conga_v2_01_01.wav", "a/conga_v3_02_02.wav"],
        ["a/hat-take-04.wav", "a/hat-take-05.wav"],
    ],
)
def test_names_that_differ_in_numbers_are_takes_of_one_drum(names):
    assert len({series(name) for name in names}) == 1


@pytest.mark.parametrize(
    "names",
    [
        ["a/snare 1.wav", "b/snare 1.wav"],
        ["a/snare tight 1.wav", "a/snare loose 1.wav"],
        ["a/808 kick.wav", "a/808 snare.wav"],
        ["a/tom_h.wav", "a/tom_l.wav"],
        ["a/13b_sn_vl2.wav", "a/14a_sn_vl2.wav"],
        ["a/vel.wav", "a/take.wav"],
    ],
)
def test_other_names_are_other_drums(names):
    assert len({series(name) for name in names}) == len(names)


def test_a_stated_group_holds_and_series_stay_within_their_class():
    names = ["a 1.wav", "a 2.wav", "b.wav", "c.wav"]
    groups, apart = take_groups(names, ["kick", "snare", "kick", "kick"], ["", "", "x", "x"])
    assert groups[2] == groups[3] == "label:x"
    assert len({*groups}) == 3
    assert apart == []


def test_a_numbered_collection_is_no_drum_with_takes():
    names = [f"kick/kick {i}.wav" for i in range(MOST_TAKES + 1)] + [f"kick/deep {i}.wav" for i in range(5)]
    groups, _ = take_groups(names, ["kick"] * len(names), [""] * len(names))
    assert len(set(groups)) == MOST_TAKES + 2


def test_a_class_of_fewer_than_three_groups_is_taken_apart_and_named():
    names = ["snap/l 1.wav", "snap/l 2.wav", "snap/r 1.wav", "kick/a.wav", "kick/b.wav", "kick/c.wav", "clap/1.wav", "clap/2.wav"]
    labels = [name.split("/")[0] for name in names]
    groups, apart = take_groups(names, labels, [""] * len(names))
    assert apart == ["snap"]
    assert groups[:3] == names[:3]
    assert groups[6] == groups[7]
