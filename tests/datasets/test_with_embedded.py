"""The embedded patterns beside a folder's."""

import json

import pytest

from drumjax.boundary import InputError
from drumjax.cli import main
from drumjax.datasets.build import prepare
from drumjax.datasets.load import load_patterns
from drumjax.patterns import POCKET


@pytest.fixture
def folder(tmp_path):
    rows = ["x...x...x...x...", "..x...x...x...x.", "x.x.x.x.x.x.x.x.", "x..x..x...x.x...", "xx..xx..xx..xx..", "x.....x.....x..."]
    entries = [
        {
            "name": f"N{i}",
            "genre": "mine",
            "meter": "4/4",
            "steps": 16,
            "steps_per_beat": 4,
            "licence": "CC0",
            "tracks": {"BD": row},
        }
        for i, row in enumerate(rows)
    ]
    (tmp_path / "mine.json").write_text(json.dumps({"patterns": entries}))
    return tmp_path


def names(patterns, split):
    return [name for name in patterns.splits[split]["name"].tolist() if name.startswith("embedded")]


def test_embedded_patterns_are_split_as_they_are_alone(folder):
    alone, joined = load_patterns("embedded"), prepare(folder, with_embedded=True).patterns
    for split in alone.splits:
        assert names(joined, split) == names(alone, split)
    assert sum(joined.info.counts.values()) == 1782 + 6
    assert joined.info.licences == {"apache-2.0": 1782, "cc0": 6}
    assert joined.info.source_sha256 != prepare(folder).patterns.info.source_sha256


def test_a_licence_filter_that_leaves_the_embedded_patterns_out_leaves_them_out(folder):
    assert sum(prepare(folder, with_embedded=True, licences=["cc0"]).patterns.info.counts.values()) == 6


def test_what_the_licence_filter_holds_back_is_told_of(folder, tmp_path, capsys):
    source = folder / "mine.json"
    assert main(["data", "build", str(source), "-o", str(tmp_path / "out"), "--licence", "cc0", "--with-embedded"]) == 0
    assert "no embedded pattern was added: --licence does not let apache-2.0 through" in capsys.readouterr().out


def test_embedded_patterns_do_not_join_themselves():
    with pytest.raises(InputError, match="--with-embedded: expected files for the embedded patterns to join"):
        prepare("embedded", with_embedded=True)


def test_embedded_patterns_join_no_other_drum_map(folder):
    (folder / "labels.json").write_text(
        json.dumps({"patterns": [{"name": "p", "meter": "4/4", "steps": 16, "steps_per_beat": 4, "tracks": {"kick": "x" * 16}}]})
    )
    with pytest.raises(InputError, match="tr808"):
        prepare(folder, with_embedded=True, drum_map=POCKET)
