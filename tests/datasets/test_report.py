"""What the two data commands print and return."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from drumjax.boundary import InputError
from drumjax.datasets.load import load_patterns
from drumjax.datasets.report import build_command, inspect, inspect_command


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200, color_system=None)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(console: Console, first: str) -> list[str]:
    """The cells of the one table row that begins with a text."""
    rows = [[cell.strip() for cell in line.strip("│┃ ").split("│")] for line in text(console).splitlines() if "│" in line]
    (found,) = [cells for cells in rows if cells[0] == first]
    return found


def test_inspecting_shows_what_is_in_a_folder_and_returns_0(small_folder, console):
    (small_folder / "broken.mid").write_bytes(b"MThd\0\0\0\6")
    assert inspect_command(small_folder, console=console) == 0
    assert "39 patterns of kind 'patterns' from 20 of 21 files" in text(console)
    assert row(console, "idm") == ["idm", "19", "10"]
    assert row(console, "techno") == ["techno", "20", "10"]
    assert row(console, "BD")[1:3] == ["39", "39"]
    assert row(console, "CB") == ["CB", "0", "0", "-"]
    assert row(console, "unknown") == ["unknown", "39"]
    assert row(console, "expected a MIDI header of 14 bytes")[1:] == ["1", "8 bytes: the file is cut off", "broken.mid"]
    assert "a build would split it into 35 train, 2 validation, 2 test" in text(console)


def test_long_lists_are_cut_and_counted(small_folder, console):
    inspect_command(small_folder, rows=5, console=console)
    assert row(console, "… and 15 more")[1] == str(39 - (1 + 3 + 2 + 1 + 3))  # IDM/00, 02, 04, 06, 08


def test_duplicates_and_dropped_notes_are_shown(midi, tmp_path, console):
    for i in range(3):
        midi(f"s/{i}.mid", {(0, "BD"): 100, (1, 49): 90})
    midi("s/x/4.mid", {(0, "BD"): 100})
    inspect_command(tmp_path / "s", console=console)
    assert row(console, "duplicates")[1:] == [
        "3",
        "1.mid#0 = 0.mid#0, 2.mid#0 = 0.mid#0, x/4.mid#0 = 0.mid#0; 1 under another genre",
    ]
    assert row(console, "hits outside the drum map")[1:] == ["3", "in all files read, whatever the licence: pitch 49 (3)"]
    assert "cannot be built as it is: expected at least 3 groups" in text(console)


def test_channels_are_shown_where_drums_were_not_read_from_10(midi, tmp_path, console):
    for i, channel in enumerate((9, 9, 9, 2, 2, 0)):
        midi(f"s/{i}.mid", {(0, "BD"): 100, (1 + i, "SD"): 90}, channel=channel)
    inspect_command(tmp_path / "s", console=console)
    why = "no notes on channel 10, and this one has the most pitches of the drum map"
    assert row(console, "1") == ["1", "1", why, "5.mid"]
    assert row(console, "3") == ["3", "2", why, "3.mid"]
    assert row(console, "10") == ["10", "3", "General MIDI's drum channel", "0.mid"]


def test_no_channels_are_shown_where_all_drums_are_on_10(small_folder, console):
    inspect_command(small_folder, console=console)
    assert "read from channel" not in text(console)


def test_a_folder_where_nothing_is_usable_shows_why_and_returns_2(midi, tmp_path, console):
    midi("s/waltz.mid", {(0, "BD"): 100}, metre=(3, 4))
    assert inspect_command(tmp_path / "s", console=console) == 2
    assert row(console, "expected a pattern in 4/4")[1:] == ["1", "3/4", "waltz.mid"]
    assert "nothing here is usable" in text(console)


def test_brackets_in_names_are_no_markup(midi, tmp_path, console):
    midi("s/[bold]x[/].mid", {(0, "BD"): 100})
    midi("s/[red]genre/y.mid", {(1, "BD"): 100})
    inspect_command(tmp_path / "s", console=console)
    assert row(console, "[bold]x[/].mid")[1] == "1"
    assert row(console, "[red]genre") == ["[red]genre", "1", "1"]


def test_an_empty_folder_and_an_unknown_kind_are_input_errors(tmp_path, small_folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="none in this folder"):
        inspect(tmp_path / "empty")
    with pytest.raises(InputError, match="songs are not supported yet"):
        inspect(small_folder, kind="songs")


def test_building_reports_and_a_second_time_there_is_nothing_to_do(small_folder, tmp_path, console):
    assert build_command(small_folder, tmp_path / "out", console=console) == 0
    assert row(console, "all") == ["all", "35", "2", "2"]
    assert f"wrote {tmp_path / 'out' / 'edm_patterns'}" in text(console)
    assert sum(load_patterns(tmp_path / "out").info.counts.values()) == 39
    assert build_command(small_folder, tmp_path / "out", console=console) == 3
    assert "nothing to do" in text(console)


def test_prepared_data_and_the_embedded_set_can_be_inspected(small_folder, tmp_path, console):
    build_command(small_folder, tmp_path / "out", console=Console(file=io.StringIO()), licence="CC0")
    assert inspect_command(tmp_path / "out", console=console) == 0
    assert "source: 39 patterns of kind 'patterns', prepared, drum map 'tr808', 64 steps, licences cc0 (39)" in text(console)
    assert inspect_command("embedded", console=console) == 0
    assert sum(map(int, row(console, "electro")[1:])) == 690


def test_of_prepared_data_the_licence_filter_says_whether_any_is_usable(console):
    assert inspect_command("embedded", console=console, licences=["apache-2.0"]) == 0
    assert inspect_command("embedded", console=console, licences=["cc0"]) == 2
    with pytest.raises(InputError, match="--channel"):
        inspect_command("embedded", console=console, channel=3)


def test_the_commands_do_as_the_functions(small_folder, tmp_path, capsys):
    from drumjax.cli import main

    assert main(["data", "inspect", str(small_folder)]) == 0
    assert main(["data", "inspect", str(small_folder), "--licence", "cc0"]) == 2
    assert main(["data", "inspect", str(tmp_path / "none")]) == 2
    assert "39 patterns" in capsys.readouterr().out
    out = str(tmp_path / "out")
    assert main(["data", "build", str(small_folder), "-o", out, "--declared-licence", "CC BY 4.0", "--licence", "cc0,cc-by"]) == 0
    assert main(["data", "build", str(small_folder), "-o", out, "--declared-licence", "cc-by-4.0", "--licence", "cc-by,cc0"]) == 3
    assert main(["data", "build", str(small_folder), "-o", out, "--seed", "1"]) == 2
    assert main(["data", "build", str(small_folder), "-o", out, "--kind", "songs"]) == 2
    assert main(["data", "arrays", out, "-o", f"{out}.npz"]) == 0
    assert load_patterns(f"{out}.npz").info == load_patterns(out).info
    assert main(["data", "inspect", out]) == 0
