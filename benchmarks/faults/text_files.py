"""JSON and CSV files that nobody should trust: step grids, drum maps and labels, by hand, at random and damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from faults.midi_files import damage

Content = Callable[[], bytes]
"""Made when it is needed: some files are megabytes."""

_ROW = "x...X...x.x.x..."
_GRID: dict[str, Any] = {"name": "Amen", "genre": "breakbeat", "bpm": 136, "tracks": {"BD": _ROW * 4, "SD": "....x..." * 8}}


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _with(**fields: Any) -> Content:
    return lambda: _dump({**_GRID, **fields})


_CODE: Mapping[str, Any] = {
    "format": "drumjax sound code",
    "code": [0.5, -1.25, 3.0, 0.0],
    "position": [0.1, 0.2, -0.3],
    "class": {"kick": 0.75, "snare": 0.25},
    "class_chosen_by": "given",
    "name": "a kick",
    "provenance": {"drumjax": "0.1.0", "verb": "encode", "model": {"name": "m", "sha256": "0" * 64}},
}
"""A code of a sound, as `drumjax sound encode` writes it."""
_SOUND_LABELS = "path,class,group,licence\nkick.wav,kick,a,CC0\ncase.csv,snare,,CC BY 4.0\nfolder,tom,b,\n"
_WORDS = "pattern,class\nks_*,kick\nbassdrum,BD\nrattle,my-rattle\n*loop*,-\n"


def _code_with(**changes: Any) -> Content:
    return lambda: _dump({**_CODE, **changes})


def hand_made_json() -> Mapping[str, Content]:
    """JSON that is known to break readers, each by a name that says what it is."""
    digits = b"9" * 4_000
    cases: dict[str, Content] = {
        "valid": lambda: _dump(_GRID),
        "valid list": lambda: _dump({"patterns": [_GRID] * 20}),
        "a code of a sound": lambda: _dump(_CODE),
        "a code of no numbers": _code_with(code=[]),
        "a code of true": _code_with(code=[True]),
        "a code of 1e300": _code_with(code=[1e300]),
        "a code of 4,000 digits": _code_with(code=[10**3_999]),
        "a code of 1e308s": _code_with(code=[1e308] * 50_000),
        "a code of lists": _code_with(code=[[1.0], [2.0]]),
        "a code of 100,000 numbers": _code_with(code=[0.5] * 100_000),
        "a code's position of four": _code_with(position=[1, 2, 3, 4]),
        "a code's position of an object": _code_with(position={"0": 1, "1": 2, "2": 3}),
        "a code of no class": _code_with(**{"class": {}}),
        "a code of a class of a megabyte": _code_with(**{"class": {"k" * 1_000_000: 1.0}}),
        "a code of 50,000 classes": _code_with(**{"class": {f"c{i}": 1 for i in range(50_000)}}),
        "a code of weights below 0": _code_with(**{"class": {"kick": -1.0}}),
        "a code chosen by a list": _code_with(class_chosen_by=["given"]),
        "a code of a name of control characters": _code_with(name="\x1b[2J\n\0"),
        "a code of a model of nonsense": _code_with(provenance={"model": {"sha256": ["x"] * 1000}}),
        "empty": lambda: b"",
        "a blank": lambda: b" ",
        "null": lambda: b"null",
        "a number": lambda: b"1",
        "an empty object": lambda: b"{}",
        "an empty list": lambda: b"[]",
        "lists 100,000 deep": lambda: b"[" * 100_000 + b"]" * 100_000,
        "lists 1,000,000 deep without an end": lambda: b"[" * 1_000_000,
        "objects 100,000 deep": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a pattern 30 deep": _with(tracks={"BD": json.loads("[" * 28 + "]" * 28)}),
        "brackets in a string": _with(name="[{" * 50_000),
        "an open string of backslashes": lambda: b'"' + b"\\" * 1_999_999,
        "an open string of quotes": lambda: b'"' + b'\\"' * 999_999,
        "two megabytes of brackets": lambda: b"[" + b"[]," * 690_000 + b"[]]",
        "two megabytes of objects": lambda: b"[" + b"{}," * 690_000 + b"{}]",
        "180,000 keys": lambda: b"{" + b",".join(b'"%d":1' % i for i in range(180_000)) + b"}",
        "180,000 tracks": lambda: b'{"tracks":{' + b",".join(b'"%d":"x"' % i for i in range(150_000)) + b"}}",
        "more than the cap": lambda: b"[" + b" " * (3 << 20) + b"]",
        "a number of 4,000 digits": lambda: b'{"bpm":' + digits + b',"tracks":{"BD":"x...............' + b'"}}',
        "a number of 5,000 digits": lambda: b"[" + b"9" * 5_000 + b"]",
        "numbers of 4,000 digits": lambda: b"[" + b",".join([digits] * 500) + b"]",
        "velocities of 4,000 digits": lambda: b'{"tracks":{"BD":[' + b",".join([digits] * 16) + b"]}}",
        "offsets of 4,000 digits": lambda: b'{"tracks":{"BD":"xx"},"offsets":{"BD":[0,' + digits + b"]}}",
        "steps of 4,000 digits": lambda: b'{"tracks":{"BD":"xx"},"steps":' + digits + b"}",
        "bps of 4,000 digits": lambda: b'{"tracks":{"BD":"xx"},"bps":' + digits + b"}",
        "tempo_range of 4,000 digits": lambda: b'{"tracks":{"BD":"xx"},"tempo_range":[' + digits + b",1]}",
        "NaN": lambda: b'{"bpm":NaN,"tracks":{"BD":"x..."}}',
        "Infinity": lambda: b'{"bpm":Infinity,"tracks":{"BD":"x..."}}',
        "-Infinity": lambda: b"[-Infinity]",
        "1e999": lambda: b"[1e999]",
        "1e-999": lambda: b'{"bpm":120,"tracks":{"BD":[1e-999,1,0,0]}}',
        "-0.0": lambda: b'{"bpm":120,"tracks":{"BD":[-0.0,1,0,0]},"offsets":{"BD":[-0.0,-1,0,0]}}',
        "a key twice": lambda: b'{"tracks":{"BD":"x...","BD":"xxxx"}}',
        "true for a number": _with(bpm=True),
        "null everywhere": lambda: _dump(dict.fromkeys(("name", "genre", "bpm", "tracks", "offsets", "steps", "meter"))),
        "a list for a name": _with(name=["a"]),
        "an object for a genre": _with(genre={}),
        "a name of a megabyte": _with(name="a" * 1_000_000),
        "a name of control characters": _with(name="\x00\x1b[2J\u202e\ufeff\n"),
        "a name outside the plane": _with(name="\U0001f941" * 100),
        "half a surrogate pair": lambda: b'{"name":"\\ud83e","tracks":{"BD":"x..."}}',
        "a metre of 0": _with(meter="0/4"),
        "a metre of 99/99": _with(meter="99/99"),
        "a metre of other digits": _with(meter="\u0664/\u0664"),
        "a metre of a megabyte": _with(meter="4" * 1_000_000),
        "a tempo of 0": _with(bpm=0),
        "a tempo of -1": _with(bpm=-1),
        "a tempo of 1e308": _with(bpm=1e308),
        "bps of 1e308": lambda: _dump({"bps": 1e308, "tracks": {"BD": "x..."}}),
        "a range of tempi of 1e308": lambda: _dump({"tempo_range": [1e308] * 9, "tracks": {"BD": "x..."}}),
        "an empty range of tempi": lambda: _dump({"tempo_range": [], "tracks": {"BD": "x..."}}),
        "a range of strings": lambda: _dump({"tempo_range": ["a"], "tracks": {"BD": "x..."}}),
        "no tracks": _with(tracks={}),
        "tracks as a list": _with(tracks=[_ROW]),
        "rows of different lengths": _with(tracks={"BD": "x...", "SD": "x"}),
        "an empty row": _with(tracks={"BD": ""}),
        "a row of no lane": _with(tracks={"??": "x..."}),
        "a row without a name": _with(tracks={"": "x..."}),
        "a row of accents only": _with(tracks={"AC": "x..."}),
        "a row of two megabytes": lambda: b'{"tracks":{"BD":"' + b"x" * 2_000_000 + b'"}}',
        "a row of 65,536": _with(tracks={"BD": "x..." * 16_384}),
        "a row of 65,536 in 64ths": _with(tracks={"BD": "x..." * 16_384}, steps_per_beat=16),
        "a row of 65,536 in quarters": _with(tracks={"BD": "x..." * 16_384}, steps_per_beat=1),
        "four rows of 300,000": lambda: _dump({"patterns": [{"tracks": {"BD": "x..." * 16_384}}] * 8}),
        "5,000 patterns": lambda: _dump([{"tracks": {"BD": "x..."}}] * 5_000),
        "4,096 patterns": lambda: _dump([{"tracks": {"BD": _ROW * 4}}] * 4_096),
        "4,096 faulty patterns": lambda: _dump([{"tracks": {"BD": [_ROW]}}] * 4_096),
        "4,096 lanes of a pattern": lambda: _dump({"tracks": {f"gm{i}": _ROW for i in range(4_096)}}),
        "velocities above 127": _with(tracks={"BD": [128, 0]}),
        "velocities below 0": _with(tracks={"BD": [-1, 0]}),
        "velocities under 1/127": _with(tracks={"BD": [1e-9, 0.5]}),
        "velocities of mixed kinds": _with(tracks={"BD": [1, "x", None, [], {}]}),
        "velocities 0.5 and 127": _with(tracks={"BD": [0.5, 127]}),
        "offsets of 1": _with(tracks={"BD": "x..."}, offsets={"BD": [1, 0, 0, 0]}),
        "offsets just under 1": _with(tracks={"BD": "x..."}, offsets={"BD": [0.99999999999, 0, 0, 0]}),
        "offsets without a track": _with(offsets={"XX": [0]}),
        "offsets as a string": _with(offsets={"BD": "x"}),
        "steps at odds": _with(steps=3),
        "steps of 2**63": _with(steps=2**63),
        "steps of 64.0": _with(steps=64.0),
        "steps per beat of 0": _with(steps_per_beat=0),
        "steps per beat of 3": _with(steps_per_beat=3),
        "steps per beat of true": _with(steps_per_beat=True),
        "steps per beat as a list": _with(steps_per_beat=[4]),
        "instrument names that are numbers": lambda: _dump({"instrument_names": {"a": 1}, "patterns": [_GRID]}),
        "instrument names in a circle": lambda: _dump(
            {"instrument_names": {"a": "b", "b": "a"}, "patterns": [{"tracks": {"a": "x..."}}]}
        ),
        "patterns in patterns": lambda: _dump({"patterns": {"patterns": [_GRID]}}),
        "a provenance of nonsense": _with(
            provenance={"drumjax": 1, "verb": [], "model": {}, "seed": "x", "parameters": 0, "inputs": 0}
        ),
        "a provenance of nonsense, played twice": lambda: _dump(
            {
                "provenance": {"drumjax": 1, "verb": [], "model": {}, "seed": "x", "parameters": [], "inputs": 0},
                "tracks": {"BD": _ROW},
            }
        ),
        "a provenance of a megabyte": _with(
            provenance={"drumjax": "a" * 1_000_000, "verb": "", "model": None, "seed": 0, "parameters": {}, "inputs": []}
        ),
        "a byte order mark": lambda: b"\xef\xbb\xbf" + _dump(_GRID),
        "two byte order marks": lambda: b"\xef\xbb\xbf" * 2 + _dump(_GRID),
        "UTF-16": lambda: json.dumps(_GRID).encode("utf-16"),
        "UTF-32": lambda: json.dumps(_GRID).encode("utf-32"),
        "Latin-1": lambda: '{"name":"Größe","tracks":{"BD":"x..."}}'.encode("latin-1"),
        "overlong UTF-8": lambda: b'{"name":"\xc0\xaf"}',
        "zero bytes": lambda: bytes(1_000),
        "a zero byte in a name": lambda: b'{"name":"a\x00b","tracks":{"BD":"x..."}}',
        "a comment": lambda: b"// hello\n" + _dump(_GRID),
        "two values": lambda: _dump(_GRID) * 2,
        "a trailing comma": lambda: b'{"tracks":{"BD":"x..."},}',
        "single quotes": lambda: b"{'tracks':{'BD':'x...'}}",
        "a drum map": lambda: _dump({"name": "mine", "lanes": [{"name": "BD", "in": [36], "out": 36}]}),
        "a drum map of 10,000 lanes": lambda: _dump(
            {"name": "m", "lanes": [{"name": str(i), "in": [], "out": i} for i in range(10_000)]}
        ),
        "a drum map of pitches of 4,000 digits": lambda: (
            b'{"name":"m","lanes":[{"name":"a","in":[' + digits + b'],"out":' + digits + b"}]}"
        ),
        "a drum map of 10,000 pitches": lambda: _dump({"name": "m", "lanes": [{"name": "a", "in": [36] * 10_000, "out": 36}]}),
        "a drum map of wrong types": lambda: _dump({"name": "m", "lanes": [{"name": [], "in": {}, "out": "36"}]}),
        "a drum map with other fields": lambda: _dump({"name": "m", "lanes": [{f"field{i}": "a" * 1_000 for i in range(100)}]}),
        "a card of data": lambda: _dump({"info": {"kind": "patterns"}, "content_sha256": 0}),
    }
    text = _dump(_GRID)
    cases |= {f"cut off at byte {size}": lambda size=size: text[:size] for size in range(1, len(text), 3)}
    return cases


def hand_made_csv() -> Mapping[str, Content]:
    """CSV that is known to break readers, each by a name that says what it is."""
    plain = b"pattern,genre,lane,steps\nAmen,breakbeat,BD,x.x.......xx....\nAmen,breakbeat,SD,....x..x.x..x..x\n"
    labels = b"file,genre,group,licence\na.mid,techno,g,CC0-1.0\nb.mid,idm,,\n"
    return {
        "valid": lambda: plain,
        "labels": lambda: labels,
        "labels of sounds": lambda: _SOUND_LABELS.encode(),
        "labels of sounds, a class of a megabyte": lambda: b"path,class\na.wav," + b"k" * 1_000_000 + b"\n",
        "labels of sounds, paths that lead elsewhere": lambda: b"path,class\n../../a.wav,kick\n/etc/passwd,snare\n..,tom\n",
        "labels of 40,000 sounds": lambda: b"path,class\n" + b"".join(b"%d.wav,kick\n" % i for i in range(40_000)),
        "labels of sounds that differ": lambda: _SOUND_LABELS.encode() + b"kick.wav,snare,,\n",
        "words for drums": lambda: _WORDS.encode(),
        "words for drums, of stars": lambda: b"pattern,class\n" + b"*a" * 5_000 + b"b,kick\n",
        "words for drums, 20,000 patterns": lambda: b"pattern,class\n" + b"".join(b"*%d*x?,kick\n" % i for i in range(20_000)),
        "words for drums, no word": lambda: b"pattern,class\n,kick\n",
        "words for drums, control characters": lambda: b"pattern,class\n\x1b[2J,kick\nx,\x07\n",
        "labels that differ": lambda: labels + b"a.mid,idm,,\n",
        "labels of 40,000 files": lambda: b"file,genre\n" + b"".join(b"%d.mid,g\n" % i for i in range(40_000)),
        "empty": lambda: b"",
        "a line feed": lambda: b"\n",
        "commas": lambda: b",,,,\n,,,,\n",
        "header alone": lambda: b"pattern,lane,steps\n",
        "1,000,000 columns": lambda: b",".join(b"%d" % (i % 10) for i in range(500_000)),
        "1,000,000 blank columns": lambda: b"," * 1_000_000,
        "4,096 columns of 250 rows": lambda: (
            b",".join(b"%d" % i for i in range(1, 4_096)) + b",lane" + (b"\n" + b"," * 4_095) * 240
        ),
        "4,000 steps": lambda: b"lane," + b",".join(b"%d" % i for i in range(1, 4_001)) + b"\nBD" + b",x" * 4_000,
        "steps with a gap": lambda: b"lane,1,3\nBD,x,x\n",
        "steps of other digits": lambda: "lane,\u0661,\u0662\nBD,x,x\n".encode(),
        "steps of superscript digits": lambda: "lane,1,\u00b2\nBD,x,x\n".encode(),
        "a step of 4,000 digits": lambda: b"lane," + b"1" * 4_000 + b"\nBD,x\n",
        "a cell of 130,000 characters": lambda: b"lane,steps\nBD," + b"x" * 130_000 + b"\n",
        "a cell of 1,000,000 characters": lambda: b"lane,steps\nBD," + b"x" * 1_000_000 + b"\n",
        "a quote never closed": lambda: b'lane,steps\n"BD,x...\n' + b"BD,x...\n" * 10_000,
        "a quote within a cell": lambda: b'lane,steps\nB"D,x...\n',
        "quotes of a megabyte": lambda: b'lane,steps\n"' + b'""' * 60_000 + b'",x...\n',
        "line feeds of a megabyte": lambda: b"lane,steps\n" + b"\n" * 1_000_000,
        "carriage returns": lambda: plain.replace(b"\n", b"\r"),
        "60,000 rows": lambda: b"lane,steps\n" + b"BD,x\n" * 60_000,
        "5,000 patterns": lambda: b"pattern,lane,steps\n" + b"".join(b"%d,BD,x...\n" % i for i in range(5_000)),
        "4,096 patterns": lambda: b"pattern,lane,steps\n" + b"".join(b"%d,BD,%b\n" % (i, _ROW.encode() * 4) for i in range(4_096)),
        "a lane 40,000 times": lambda: b"lane,steps\n" + b"BD,x...\n" * 40_000,
        "a row too long": lambda: plain + b"a,b,c,d,e\n",
        "a row too short": lambda: plain + b"a\n",
        "a column twice": lambda: b"lane,lane,steps\nBD,BD,x\n",
        "a column without a name": lambda: b"lane,,steps\nBD,,x\n",
        "semicolons": lambda: plain.replace(b",", b";"),
        "tabs": lambda: plain.replace(b",", b"\t"),
        "a tempo of nan": lambda: b"lane,steps,bpm\nBD,x...,nan\n",
        "a tempo of inf": lambda: b"lane,steps,bpm\nBD,x...,inf\n",
        "a tempo of 1e999": lambda: b"lane,steps,bpm\nBD,x...,1e999\n",
        "a tempo of 4,000 digits": lambda: b"lane,steps,bpm\nBD,x...," + b"9" * 4_000 + b"\n",
        "velocities of nan": lambda: b"lane,1,2\nBD,nan,1\n",
        "velocities of underscores": lambda: b"lane,1,2\nBD,1_0,1_27\n",
        "velocities of superscript digits": lambda: "lane,1,2\nBD,\u00b2,1\n".encode(),
        "a minus alone": lambda: b"lane,1,2\nBD,--5,-\n",
        "a formula": lambda: b"lane,steps\n=cmd|' /C calc'!A0,x...\n",
        "a byte order mark": lambda: b"\xef\xbb\xbf" + plain,
        "UTF-16": lambda: plain.decode().encode("utf-16"),
        "bytes that are no UTF-8": lambda: plain + b"\xff\xfe,,,\n",
        "zero bytes": lambda: plain.replace(b"x", b"\0"),
        "nothing but zero bytes": lambda: bytes(1_000),
        "more than the cap": lambda: plain * 20_000,
        "control characters": lambda: b"pattern,lane,steps\n\x1b[2J\x07,BD,x...\n",
        "a name of 130,000 characters": lambda: b"pattern,lane,steps\n" + b"a" * 130_000 + b",BD,x.x\n",
        "columns of 4,000 characters": lambda: b",".join(bytes([97 + i]) * 40_000 for i in range(20)) + b"\n",
        "a ZIP archive": lambda: b"PK\3\4" + bytes(200),
    }


def _value(rng: random.Random, depth: int = 0) -> Any:
    """Any JSON value, mostly of the kinds that a step grid has."""
    kind = rng.randrange(12 if depth < 6 else 9)
    if kind < 3:
        return "".join(rng.choices("xX.- |o\u00e9\x00", k=rng.choice((0, 1, 4, 16, 64))))
    if kind < 6:
        return rng.choice((0, 1, -1, 4, 64, 127, 128, 0.5, 1e-300, 1e308, -0.0, 2**63, rng.uniform(-2, 200)))
    if kind < 9:
        return rng.choice((None, True, False, "", "4/4", "3/4", "BD", "techno"))
    if kind < 10:
        return [_value(rng, depth + 1) for _ in range(rng.choice((0, 1, 4, 16)))]
    return {rng.choice(_KEYS): _value(rng, depth + 1) for _ in range(rng.randint(0, 5))}


_KEYS = (
    "name", "id", "title", "genre", "family", "licence", "source", "group", "meter", "bpm", "bps", "tempo_range", "steps",
    "steps_per_beat", "tracks", "offsets", "provenance", "patterns", "instrument_names", "lanes", "in", "out", "BD", "SD", "gm35",
    "AC", "kick", "info", "file", "",
)  # fmt: skip


def _random_grid(rng: random.Random) -> dict[str, Any]:
    steps = rng.choice((1, 4, 16, 32, 64, 64, 128))
    tracks: dict[str, Any] = {}
    for lane in rng.sample(("BD", "SD", "CH", "kick", "gm42", "AC", "cowbell", "nothing"), rng.randint(1, 5)):
        kind = rng.randrange(3)
        if kind == 0:
            tracks[lane] = "".join(rng.choices("xX..-", k=steps))
        elif kind == 1:
            tracks[lane] = [rng.choice((0, 0, 100, rng.randint(0, 127))) for _ in range(steps)]
        else:
            tracks[lane] = [rng.choice((0, 0, 1, round(rng.uniform(0.01, 1), 3))) for _ in range(steps)]
    grid = {"name": f"p{rng.randint(0, 9)}{rng.choice('ab')}", "bpm": rng.choice((120, 99.5, 4, 1000)), "tracks": tracks}
    if rng.random() < 0.3:
        grid["offsets"] = {lane: [round(rng.uniform(-1, 0.99), 3) for _ in range(steps)] for lane in list(tracks)[:1]}
    if rng.random() < 0.3:
        grid["steps_per_beat"] = rng.choice((1, 2, 4, 8, 16))
    if rng.random() < 0.2:
        grid["meter"] = rng.choice(("4/4", "3/4", "8/4", "7/8", "5/32"))
    return grid


def generated_json(rng: random.Random) -> bytes:
    """Step grids in which any value may stand anywhere, or values of no order at all."""
    if rng.random() < 0.2:
        return json.dumps(_value(rng)).encode("utf-8", "surrogatepass")
    grids = [_random_grid(rng) for _ in range(rng.randint(1, 3))]
    for _ in range(rng.choice((0, 1, 2))):
        grid = rng.choice(grids)
        place = grid["tracks"] if rng.random() < 0.4 and isinstance(grid.get("tracks"), dict) else grid
        place[rng.choice((*place, rng.choice(_KEYS)))] = _value(rng)
    return _dump({"patterns": grids} if rng.random() < 0.7 else grids[0])


def mutated_json(rng: random.Random) -> bytes:
    """Valid step grids, and codes of sounds, damaged in one to eight places."""
    grids = {"patterns": [_random_grid(rng) for _ in range(rng.randint(1, 3))]}
    data = bytearray(_dump(_CODE if rng.random() < 0.25 else grids))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        damage(data, rng)
    return bytes(data)


def generated_csv(rng: random.Random) -> bytes:
    """Tables of step grids or labels in which any cell may hold anything."""
    columns = rng.sample(
        (
            "pattern",
            "lane",
            "steps",
            "1",
            "2",
            "3",
            "4",
            "genre",
            "bpm",
            "meter",
            "steps_per_beat",
            "file",
            "group",
            "licence",
            "source",
        ),
        rng.randint(1, 9),
    )
    if rng.random() < 0.6:
        columns = ["pattern", "lane", *("1234" if rng.random() < 0.5 else ("steps",)), *rng.sample(("genre", "bpm", "meter"), 1)]
    cells = (
        "BD",
        "SD",
        "x...",
        "X",
        "x",
        ".",
        "",
        "100",
        "0.5",
        "4/4",
        "120",
        "-1",
        "nan",
        "1e400",
        '"',
        "a b",
        "\u00b2",
        "techno",
        "a.mid",
    )
    usual = {"lane": ("BD", "SD", "CH"), "steps": ("x.x.", "X..."), "bpm": ("120", "99.5"), "meter": ("4/4",)}
    lines = [",".join(columns)]
    for _ in range(rng.randint(0, 8)):
        row = [rng.choice(usual.get(name, cells) if rng.random() < 0.8 else cells) for name in columns]
        lines.append(",".join(row[: len(row) - (rng.random() < 0.05)]))
    return rng.choice(("\n", "\r\n", "\n", "\r")).join(lines).encode()


def mutated_csv(rng: random.Random) -> bytes:
    """Valid tables of patterns, of labels of sounds, and of words for drums, damaged in one to four places."""
    rows = [f"{rng.choice('ab')},{lane},{_ROW},120" for lane in rng.sample(("BD", "SD", "CH", "OH"), rng.randint(1, 4))]
    grid = "\n".join(["pattern,lane,steps,bpm", *rows])
    data = bytearray(rng.choice((grid, grid, _SOUND_LABELS, _WORDS)).encode())
    for _ in range(rng.choice((1, 1, 2, 4))):
        damage(data, rng)
    return bytes(data)
