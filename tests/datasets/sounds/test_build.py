"""One-shots on the disk and in memory: the same sounds by every way, split by drum, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest

from drumjax.boundary import InputError
from drumjax.cli import main
from drumjax.datasets.build import arrays, build
from drumjax.datasets.info import CARD
from drumjax.datasets.load import load_data, load_patterns, load_sounds, verify_folder
from drumjax.datasets.npz import read_npz, write_npz
from drumjax.datasets.sounds import prepare
from drumjax.datasets.sounds.build import BuiltSounds, build_sounds, prepare_sounds
from drumjax.datasets.sounds.info import SAMPLES, SoundInfo, SoundSet, check, content_sha256
from drumjax.datasets.sounds.prepare import assign_splits, embedded_info, embedded_sounds


@pytest.fixture
def built(small_tree, tmp_path) -> BuiltSounds:
    return build_sounds(small_tree, tmp_path / "out", licence="CC0")


def same(first: SoundSet, second: SoundSet) -> bool:
    assert first.info == second.info
    for split, columns in first.splits.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, second.splits[split][name])
            assert column.dtype == second.splits[split][name].dtype
    return content_sha256(first) == content_sha256(second)


def test_a_built_folder_holds_every_sound_by_every_way(small_tree, built, tmp_path):
    assert built.is_new
    loaded = load_sounds(tmp_path / "out")
    assert loaded.info.counts == {"train": 24, "validation": 3, "test": 3}
    assert all(set(counts.values()) == {n} for n, counts in zip((8, 1, 1), loaded.info.class_counts.values(), strict=True))
    assert loaded.info.licences == {"cc0": 30}
    assert loaded.splits["train"]["audio"].shape == (24, SAMPLES)
    assert same(loaded, load_sounds(built.folder))
    arrays(tmp_path / "out", tmp_path / "x.npz")
    assert same(loaded, load_sounds(tmp_path / "x.npz"))
    with prepare_sounds(small_tree, licence="CC0") as prepared:
        assert prepared.info == loaded.info
        assert prepared.content_sha256 == content_sha256(loaded) == json.loads((built.folder / CARD).read_text())["content_sha256"]
        for split, columns in loaded.splits.items():
            for i, (sound, audio) in enumerate(prepared.examples(split)):
                assert sound.name == columns["name"][i]
                np.testing.assert_array_equal(columns["audio"][i, : sound.length], audio)
                assert not columns["audio"][i, sound.length :].any()


def test_the_same_again_is_nothing_to_do_and_other_options_need_another_folder(small_tree, built, tmp_path):
    again = build_sounds(small_tree, tmp_path / "out", licence="cc0")
    assert (again.is_new, again.folder) == (False, built.folder)
    with pytest.raises(InputError, match="other files or options"):
        build_sounds(small_tree, tmp_path / "out", licence="CC0", seed=1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one_shots"]


def test_patterns_and_one_shots_may_share_a_folder_and_are_never_taken_for_each_other(small_tree, small_folder, tmp_path):
    for source in (small_tree, small_folder):
        assert build(source, tmp_path / "both").is_new
    assert load_sounds(tmp_path / "both").info.kind == "one-shots"
    assert load_patterns(tmp_path / "both").info.kind == "patterns"
    with pytest.raises(InputError, match="one prepared data set; found 2"):
        load_data(tmp_path / "both")
    with pytest.raises(InputError, match="data of kind 'patterns'; found 'one-shots'"):
        load_patterns(tmp_path / "both" / "one_shots")
    write_npz(tmp_path / "p.npz", load_patterns(tmp_path / "both"))
    with pytest.raises(InputError, match="data of kind 'one-shots'; found 'patterns'"):
        load_data(tmp_path / "p.npz", "one-shots")


@pytest.mark.parametrize(
    "options",
    [{"seed": 1}, {"validation": 0.2}, {"licence": "MIT"}, {"licences": ["unknown"]}, {"classes": ["kick", "snare", "hh"]}],
    ids=str,
)
def test_every_option_is_in_the_hash(small_tree, options):
    with prepare_sounds(small_tree) as plain, prepare_sounds(small_tree, **options) as other:
        assert plain.info.source_sha256 != other.info.source_sha256


def test_takes_of_one_drum_are_in_one_split(sound, tmp_path):
    for i in range(12):
        for k in range(3):
            sound(f"s/kick/{'abcdefghijkl'[i]} {k + 1}.wav", 100 * i + k)
    build_sounds(tmp_path / "s", tmp_path / "out")
    where = defaultdict(set)
    for split, columns in load_sounds(tmp_path / "out").splits.items():
        for name, group in zip(columns["name"].tolist(), columns["group"].tolist(), strict=True):
            where[name.split(" ")[0]].add((split, group))
    assert len(where) == 12
    assert all(len(found) == 1 for found in where.values())


def test_every_class_of_three_drums_has_sounds_in_every_split():
    """Two large groups and a small one: by its share, a tenth of eleven, neither would be held out."""
    sounds = [
        prepare.Sound(f"{label}/{group} {k}.wav", f"{label}{group}", label, "cc0", 1)
        for label in ("kick", "snap")
        for group, n in (("a", 5), ("b", 5), ("c", 1))
        for k in range(n)
    ]
    for split, numbers in assign_splits(sounds).items():
        assert {sounds[i].label for i in numbers} == {"kick", "snap"}, split


def test_damaged_records_are_an_input_error(built):
    (file,) = built.folder.glob("*train*")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    for read in (load_data, verify_folder):
        with pytest.raises(InputError, match="build the data again"):
            read(built.folder)


def test_a_card_of_other_sounds_is_found_by_the_check_in_little_memory(built):
    card = json.loads((built.folder / CARD).read_text())
    (built.folder / CARD).write_text(json.dumps({**card, "content_sha256": "0" * 64}))
    with pytest.raises(InputError, match="do not fit the hash"):
        verify_folder(built.folder)


def test_loading_an_npz_needs_no_library_of_sound_or_data(built, tmp_path):
    arrays(built.folder, tmp_path / "x.npz")
    code = (
        f"import sys; from drumjax.datasets.load import load_sounds; load_sounds({str(tmp_path / 'x.npz')!r}); print(*sys.modules)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    assert not {"tensorflow_datasets", "tensorflow", "jax", "rich", "soundfile", "soxr", "scipy", "librosa", "mido"} & loaded


def test_writing_imports_no_tensorflow(small_tree, tmp_path):
    call = f"build({str(small_tree)!r}, {str(tmp_path / 'o')!r})"
    code = f"import sys; from drumjax.datasets.build import build; {call}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"tensorflow", "jax", "apache_beam"} & set(said)


@pytest.fixture(scope="module")
def embedded() -> SoundSet:
    return embedded_sounds(classes=("snare", "kick"), per_class=10)


def test_embedded_sounds_are_made_without_a_folder_and_as_a_build_makes_them(embedded, tmp_path):
    assert embedded.info == embedded_info(classes=("kick", "snare"), per_class=10)
    assert embedded.info.counts == {"train": 16, "validation": 2, "test": 2}
    assert embedded.info.licences == {"apache-2.0": 20}
    assert embedded.splits["train"]["name"][0] == "embedded:kick#0"
    made = build("embedded", tmp_path / "out", kind="one-shots", classes=("kick", "snare"), per_class=10)
    assert made.folder.parent.name.startswith("embedded_")
    assert same(embedded, load_sounds(tmp_path / "out"))


def test_embedded_sounds_join_a_folder_and_stay_split_as_they_are_alone(small_tree, embedded, tmp_path):
    build(small_tree, tmp_path / "out", with_embedded=True, per_class=10, classes=("kick", "snare"))
    joined = load_sounds(tmp_path / "out")
    assert joined.info.name == "pack and embedded"
    for split, columns in embedded.splits.items():
        held = [name for name in joined.splits[split]["name"].tolist() if name.startswith("embedded:")]
        assert held == columns["name"].tolist()
    assert joined.info.counts == {"train": 32, "validation": 4, "test": 4}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"with_embedded": True}, "the embedded sounds alone"),
        ({"licence": "cc0"}, "the embedded sounds alone"),
        ({"classes": ["bell"]}, "bell"),
        ({"per_class": 0}, "found 0"),
        ({"per_class": 10**9}, "1,000,000,000"),
        ({"licences": ["cc0"]}, "the library's own"),
    ],
    ids=str,
)
def test_what_makes_no_sense_for_embedded_sounds_is_an_input_error(tmp_path, options, found):
    with pytest.raises(InputError, match=found):
        build("embedded", tmp_path / "out", kind="one-shots", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "found"),
    [({"per_class": 20}, "found files alone"), ({"classes": ["bell"], "with_embedded": True}, "found bell alone")],
    ids=str,
)
def test_options_of_embedded_sounds_that_would_do_nothing_are_input_errors(small_tree, tmp_path, options, found):
    (tmp_path / "words.csv").write_text("pattern,class\nKicks,bell\n")
    with pytest.raises(InputError, match=found):
        build(small_tree, tmp_path / "out", classes_csv=tmp_path / "words.csv", **options)
    assert not (tmp_path / "out").exists()


def test_embedded_sounds_that_the_licence_filter_holds_back_are_told_of(small_tree, tmp_path, capsys):
    call = ["data", "build", str(small_tree), "-o", str(tmp_path / "out"), "--declared-licence", "CC0", "--licence", "cc0"]
    for code in (0, 3):  # prepared, and there already
        assert main([*call, "--with-embedded", "--classes", "kick"]) == code
        assert "no embedded sound was added: --licence does not let apache-2.0 through" in capsys.readouterr().out
    assert load_sounds(tmp_path / "out").info.licences == {"cc0": 10}


def test_the_sounds_of_an_npz_are_as_checked_as_those_of_a_folder(embedded, tmp_path):
    import zipfile

    write_npz(tmp_path / "x.npz", embedded)
    write_npz(tmp_path / "y.npz", embedded)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "y.npz").read_bytes()
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        assert len(file["train/audio"]) == file["train/length"].sum()
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    audio = bytearray(members["train/audio.npy"])
    audio[-1] ^= 1
    for name, content, packing, found in (
        ("train/audio.npy", bytes(audio), zipfile.ZIP_STORED, "hash|zeros|loudest"),
        ("train/audio.npy", members["train/audio.npy"], zipfile.ZIP_DEFLATED, "that are packed into"),
        ("train/audio.npy", members["test/audio.npy"], zipfile.ZIP_STORED, "samples of 16 bits"),
        ("train/length.npy", members["test/length.npy"], zipfile.ZIP_STORED, "whole numbers from 1 to"),
        ("train/label.npy", members["train/length.npy"], zipfile.ZIP_STORED, "label: expected numbers"),
    ):
        with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
            for member, data in {**members, name: content}.items():
                archive.writestr(member, data, packing if member == name else zipfile.ZIP_STORED)
        with pytest.raises(InputError, match=found):
            read_npz(tmp_path / "z.npz")


def replaced(sounds: SoundSet, name: str, array: np.ndarray) -> SoundSet:
    return SoundSet(sounds.info, {**sounds.splits, "train": {**sounds.splits["train"], name: array}})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("audio", lambda a: a[:, :-1], "shape"),
        ("audio", lambda a: a.astype(np.int32), "int16"),
        ("audio", lambda a: a // 2, "loudest sample"),
        ("audio", lambda a: np.where(a == a.max(), np.int16(-32768), a), "loudest sample"),
        ("length", lambda a: a // 2, "zeros behind"),
        ("length", lambda a: a * 0, "length"),
        ("label", lambda a: a + 1, "label"),
        ("label", lambda a: a * 0, "label"),
        ("name", lambda a: np.repeat(a[:1], len(a)), "every name once"),
        ("licence", lambda a: np.array(["gpl"] * len(a)), "licences"),
    ],
)
def test_arrays_that_break_a_rule_are_refused(embedded, name, change, message):
    assert check(embedded) is embedded
    with pytest.raises(ValueError, match=message):
        check(replaced(embedded, name, change(embedded.splits["train"][name])))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kind", "patterns", "kind"),
        ("classes", [], "classes"),
        ("classes", ["kick", "kick"], "classes"),
        ("sample_rate_hz", 22050.0, "sample_rate_hz"),
        ("samples", 0, "samples"),
        ("counts", {"train": 1 << 20}, "at most"),
        ("class_counts", {"train": {}}, "class_counts"),
        ("licences", [1], "licences"),
    ],
)
def test_sound_info_survives_json_and_nothing_else_does(embedded, field, value, message):
    good = json.loads(json.dumps(embedded.info.to_json()))
    assert SoundInfo.from_json(good) == embedded.info
    with pytest.raises(ValueError, match=message):
        SoundInfo.from_json({**good, field: value})


def test_too_few_sounds_cannot_be_split(sound, tmp_path):
    sound("s/kick.wav", 1)
    sound("s/snare.wav", 2)
    with pytest.raises(InputError, match="at least 3 groups"):
        build_sounds(tmp_path / "s", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert build_sounds(tmp_path / "s", tmp_path / "out", validation=0, test=0).info.counts["train"] == 2


def test_the_commands_do_as_the_functions(small_tree, tmp_path, capsys):
    tree, out = str(small_tree), str(tmp_path / "o")
    assert main(["data", "inspect", tree]) == 0
    shown = capsys.readouterr().out
    for text in ("30 sounds of kind 'one-shots' from 30 of 30 files", "hat closed", "hihat_closed", "unknown", "no sound of: clap"):
        assert text in shown, text
    assert "a build would split it into 24 train, 3 validation, 3 test" in shown
    assert main(["data", "inspect", tree, "--classes", "snap"]) == 2
    assert "nothing here is usable" in capsys.readouterr().out
    assert main(["data", "build", tree, "-o", out, "--declared-licence", "CC0", "--classes", "kick,snare"]) == 0
    assert "drumjax train cwae --data" in capsys.readouterr().out
    assert main(["data", "build", tree, "-o", out, "--declared-licence", "cc0", "--classes", "BD,SD"]) == 3
    assert "holds these 20 sounds already" in capsys.readouterr().out
    assert main(["data", "inspect", out]) == 0
    assert "20 sounds of kind 'one-shots', prepared, 22,050 Hz" in capsys.readouterr().out
    assert main(["data", "inspect", out, "--licence", "mit"]) == 2
    assert main(["data", "inspect", out, "--declared-licence", "mit"]) == 2
    assert main(["data", "inspect", tree, "--channel", "3"]) == 2
    assert "found one for patterns" in capsys.readouterr().err
    assert main(["data", "inspect", "embedded", "--kind", "one-shots"]) == 0
    assert "2,800 sounds" in capsys.readouterr().out
    assert main(["data", "build", "embedded", "-o", out, "--per-class", "3"]) == 2
    assert "or say --kind one-shots" in capsys.readouterr().err
    assert main(["data", "arrays", out, "-o", f"{out}.npz"]) == 0
    assert load_sounds(f"{out}.npz").info == load_sounds(out).info


@pytest.mark.parametrize("kilobytes", [1, 60])
def test_a_disk_that_is_full_while_sounds_are_set_aside_is_an_input_error_and_nothing_is_left(sound, tmp_path, kilobytes):
    pytest.importorskip("resource")
    for i in range(12):  # 130 kB in 16 bits
        sound(f"many/kick/kick {'abcdefghijkl'[i]}.wav", i)
    code = f"""
import resource, signal, sys
from drumjax.boundary import InputError
from drumjax.datasets.sounds.build import build_sounds
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes} << 10,) * 2)
try:
    build_sounds("many", "out")
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "expected a folder to write prepared data to; found File too large" in done.stdout
    assert not (tmp_path / "out").exists()
