"""What a demo may write over and remove: what an earlier demo wrote, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from drumjax.boundary import InputError
from drumjax.cli import demo


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_training_of_the_users_own_is_refused_and_kept_whole(command, tiny_workdir, tmp_path) -> None:
    mine = tmp_path / "training"
    mine.mkdir()
    for name in ("config.json", "metrics.csv"):
        (mine / name).write_bytes((tiny_workdir / name).read_bytes())
    before = contents(tmp_path)
    called = command("demo -o .")
    assert called.code == 2
    assert called.err.startswith("drumjax: training: expected nothing, or what an earlier demo wrote; found something else; name")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["index.html", "crossfade.wav", "fresh.mid", "interpolation.png"])
def test_a_file_that_no_demo_wrote_is_refused(command, tmp_path, name) -> None:
    (tmp_path / name).write_text("mine")
    called = command("demo -o .")
    assert (called.code, called.err.startswith(f"drumjax: {name}: expected nothing, or what an earlier demo wrote")) == (2, True)
    assert contents(tmp_path) == {str(tmp_path / name): b"mine"}


def test_the_training_of_an_earlier_demo_makes_room_for_a_new_one(tmp_path) -> None:
    workdir = demo.claim(tmp_path)
    (workdir / "config.json").write_text("{}")
    (tmp_path / "index.html").write_text("the page of the earlier demo")
    assert demo.claim(tmp_path) == workdir
    assert [path.name for path in workdir.iterdir()] == [demo.MARKER]


def test_a_training_is_not_removed_through_a_link(tmp_path) -> None:
    elsewhere = demo.claim(tmp_path)
    (elsewhere / "config.json").write_text("{}")
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "training").symlink_to(elsewhere)
    with pytest.raises(InputError, match="training: expected nothing"):
        demo.claim(folder)
    assert (elsewhere / "config.json").is_file()


def test_the_demo_s_performance_is_heard_seen_and_made_again(command, tmp_path) -> None:
    made = demo.performance(tmp_path)
    assert len(made) == demo.WANDER_MEASURES
    written = {"wander.mid", "wander.wav", "wander.png", "kit", "kit.png", "wander_kit.wav"}
    assert {path.name for path in tmp_path.iterdir()} == written < set(demo.WRITTEN)
    lanes = demo.takes(tmp_path)
    assert [lane for lane, _ in lanes] == sorted(made[0].drum_map.lanes)
    assert all(name and (tmp_path / name).is_file() for _, names in lanes for name in names)
    one, other = (soundfile.read(tmp_path / name)[0] for name in ("wander.wav", "wander_kit.wav"))
    assert len({len(one), len(other)}) == 2 or np.abs(one - other).max() > 0.1
    for name in ("wander.mid", "wander.wav", "wander_kit.wav", "kit/BD/2.wav"):
        called = command("again", name)
        assert (called.code, called.err) == (0, "")
    # What `again` left beside a take, and what a file manager leaves, is no take and no lane.
    assert (tmp_path / "kit" / "BD" / "2.again.wav").is_file()
    (tmp_path / "kit" / ".DS_Store").touch()
    assert demo.takes(tmp_path) == lanes


def test_the_page_of_a_demo_plays_every_performance_it_was_given(command, tiny, tmp_path) -> None:
    from drumjax.serve.page import Player

    shipped, wandered = tiny.sample(demo.MEASURES), tiny.sample(demo.WANDER_MEASURES)
    drums = [("BD", ["kit/BD/1.wav", "kit/BD/2.wav"]), ("SD", ["kit/SD/1.wav", None])]
    players = [each for each in demo.sections(shipped, shipped, wandered, shipped, [], drums) if isinstance(each, Player)]
    assert [(each.audio, len(each.patterns)) for each in players] == [
        ("interpolation.wav", 6), ("crossfade.wav", 6), ("wander.wav", 8), ("wander_kit.wav", 8), ("fresh.wav", 6),
    ]  # fmt: skip
    assert {name for each in players for name, _ in each.files} <= set(demo.WRITTEN)
