"""`drumjax sound …`: thin doors on the sound instrument.

A verb is a dataclass of its call and a function from the call to the sounds that it makes, which writes nothing. One delivery
serves all verbs, and `drumjax again` makes a file anew with the instrument's own methods: how, says `drumjax.cli.sound_again`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from tyro.conf import Positional, arg

from drumjax.boundary import InputError, read_audio_shape, read_head
from drumjax.cli.arguments import (
    PICTURE_SUFFIXES,
    SOUND_SUFFIXES,
    check_place,
    make_folder,
    names_folder,
    parse,
    same_file,
    say,
    write_picture,
)
from drumjax.instruments.sound_codes import Label, parse_mix
from drumjax.provenance import MOST_SEED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from drumjax.instruments.sound import SoundInstrument
    from drumjax.instruments.sound_codes import SoundCode
    from drumjax.instruments.sound_kits import SoundKit
    from drumjax.signal.sound import Sound

SOUND = Annotated[Positional[str], arg(metavar="SOUND")]
CODE_SUFFIXES = (".json",)
MOST_PICTURED = 32
"""Sounds on a sheet."""
_MOST_NAME = 60
Call = TypeVar("Call", bound="Sounding")


@dataclass(frozen=True, kw_only=True)
class Modelled:
    """The options of every verb that plays a model of sounds."""

    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """Where the result goes."""
    plot: Path | None = None
    """Draw the sounds to this .png, .pdf or .svg file: waveforms, the spectrograms that they were made from, and their own."""
    model: str = "neural-drums"
    """A shipped model's name (see 'drumjax models list') or the folder of one that you trained or packed."""
    vocoder: str | None = None
    """What makes sound of the model's spectrograms: the folder or name of a trained vocoder, or griffin-lim. Default: the model's
    own; of a 'drumjax train cwae' by itself the shipped one."""
    label: Annotated[str | None, arg(name="class", metavar="CLASS")] = None
    """The class of sound, by any of its names: kick, bd, hat-closed, oh, …"""
    mix: str | None = None
    """A mix of classes in the place of one, such as kick=.7,snare=.3."""
    seed: int | None = None
    """Written into the provenance where given; nothing is drawn at random."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The sounds that go in, as they were typed."""
        return ()

    @property
    def number(self) -> int:
        """How many sounds come out."""
        return 1

    @property
    def asked(self) -> Label | None:
        """The class or mix that the call names; None where it names none."""
        return parse_mix(self.mix) if self.mix is not None else self.label


@dataclass(frozen=True, kw_only=True)
class Sounding(Modelled):
    """The options of every verb that makes sounds."""

    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """A .wav or .flac file for one sound, or a folder for one .wav file a sound: a name without a suffix, or with a stroke at its
    end. Default: the verb's name, with .wav for one sound; with --plot no such file."""
    start_s: float | None = None
    """Where the sound begins, in seconds: what is before is cut off."""
    end_s: float | None = None
    """Where it ends, in seconds."""
    silence_db: float = -60.0
    """What follows the last sample above this level, in dB of the peak, is cut off; -200 cuts off exact silence only."""


@dataclass(frozen=True, kw_only=True)
class Drawing(Sounding):
    """The options of every verb that draws several sounds at random."""

    n: Annotated[int, arg(aliases=["-n"])] = 1
    """How many sounds."""
    seed: int = 0
    """The same seed gives the same sounds; sound i is the same however many there are."""

    @property
    def number(self) -> int:
        return self.n


@dataclass(frozen=True)
class Sample(Drawing):
    """New drum sounds, decoded from codes drawn from the model's prior.

    examples:
      drumjax sound sample --class kick -o kick.wav
      drumjax sound sample --class oh -n 16 --seed 7 -o hats/ --plot hats.png
      drumjax sound sample --mix kick=.7,snare=.3 -n 4 -o hybrids/
      drumjax sound sample -n 11 -o one_of_each/
    """

    label: Annotated[str | None, arg(name="class", metavar="CLASS")] = None
    """The class of sound, by any of its names: kick, bd, hat-closed, oh, … Default: one class after another."""


@dataclass(frozen=True, kw_only=True)
class At(Sounding):
    """The sound at a place of the three principal components of the codes: a pad, P1 and P2, and a "Fine" knob, P3.

    examples:
      drumjax sound at 0 0 0 --class snare -o middle.wav
      drumjax sound at 0.5 -1 0.2 --reach 2 --class kick -o there.wav --plot there.png
    """

    p1: Annotated[Positional[float], arg(metavar="P1")]
    """Along the first component."""
    p2: Annotated[Positional[float], arg(metavar="P2")]
    """Along the second."""
    p3: Annotated[Positional[float], arg(metavar="P3")]
    """Along the third."""
    reach: float = 1.0
    """What 1 means on all three, in standard deviations of the codes: the range selector of a pad from -1 to 1."""


@dataclass(frozen=True, kw_only=True)
class Encode(Modelled):
    """Where a sound of yours stands in the model's space: a code file, which vary, morph and humanize take in a sound's place.

    The code file (.json) holds the code, the class that the sound was read as, its place for 'sound at', and its provenance.
    The picture shows the sound beside what the model makes of it.

    examples:
      drumjax sound encode snare.wav -o snare.json --plot snare.png
      drumjax sound encode take_7.wav --class clap -o clap.json
    """

    sound: SOUND
    """A sound file of at most 30 s, of which the model hears the first second."""
    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """The code file (.json). Default: encode.json; with --plot no such file."""
    label: Annotated[str | None, arg(name="class", metavar="CLASS")] = None
    """The class to read it as. Default: what its name says; else the class under which the model reconstructs it best."""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.sound,)


@dataclass(frozen=True, kw_only=True)
class Vary(Drawing):
    """Sounds near one of yours.

    examples:
      drumjax sound vary snare.wav -n 8 -o snares/
      drumjax sound vary snare.json --distance 0 -o as_the_model_hears_it.wav
      drumjax sound vary take_7.wav --class clap --distance .6 -n 4 --seed 3 -o claps/ --plot claps.png
    """

    sound: SOUND
    """A sound file of at most 30 s, or a code file of 'drumjax sound encode'."""
    distance: float = 0.3
    """From 0, what the model makes of the sound itself, to 1, a new sound of its class."""
    label: Annotated[str | None, arg(name="class", metavar="CLASS")] = None
    """The class to read it as. Default: what its name says; else the class under which the model reconstructs it best."""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.sound,)


@dataclass(frozen=True, kw_only=True)
class Morph(Sounding):
    """Sounds that lead from one to another: codes along a path, classes mixed linearly.

    examples:
      drumjax sound morph kick.wav snare.wav -n 6 -o morph/
      drumjax sound morph a.json b.json -n 9 --path lerp -o morph/ --plot morph.png
    """

    start: Annotated[Positional[str], arg(metavar="A")]
    """The sound to begin with: a sound file or a code file."""
    goal: Annotated[Positional[str], arg(metavar="B")]
    """The sound to end with."""
    n: Annotated[int, arg(aliases=["-n"])] = 5
    """How many sounds, both ends included."""
    path: Literal["slerp", "lerp"] = "slerp"
    """Spherical or linear interpolation of the codes."""
    label: Annotated[str | None, arg(name="class", metavar="CLASS")] = None
    """The class to read both as. Default, for each: what its name says; else the one under which the model reconstructs it best."""

    @property
    def sources(self) -> tuple[str, ...]:
        return self.start, self.goal

    @property
    def number(self) -> int:
        return self.n


@dataclass(frozen=True, kw_only=True)
class Humanize(Drawing):
    """One drum as a drummer hits it: a variation a hit, along a small walk around the sound.

    Folders made so are takes: put one into a kit under the lane's name (kit/SD/), and its hits go round them.

    examples:
      drumjax sound humanize snare.wav -n 16 -o hits/
      drumjax sound humanize snare.json -n 8 --variation .2 --seed 5 -o kit/SD/
    """

    sound: SOUND
    """A sound file of at most 30 s, or a code file of 'drumjax sound encode'."""
    n: Annotated[int, arg(aliases=["-n"])] = 16
    """How many hits."""
    variation: float = 0.1
    """How far they differ, from 0 to 1."""
    label: Annotated[str | None, arg(name="class", metavar="CLASS")] = None
    """The class to read it as. Default: what its name says; else the class under which the model reconstructs it best."""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.sound,)


@dataclass(frozen=True)
class Kit:
    """A kit of new sounds: one a lane with several takes, named so that --kit finds them.

    Levels are balanced. Lanes of which the model knows no class nor a neighbour stay empty: the library's TR-808 plays them.

    examples:
      drumjax sound kit --seed 3 -o my_kit/ && drumjax pattern sample --kit my_kit/ --wav song.wav
      drumjax sound kit --drum-map gm --takes 1 -o gm_kit/ --plot gm_kit.png
    """

    output: Annotated[str | None, arg(aliases=["-o"], metavar="PATH")] = None
    """The folder: LANE.wav for each lane, or LANE/1.wav, LANE/2.wav, … of several takes. Default: kit; with --plot none."""
    plot: Path | None = None
    """Draw the first take of each lane to this .png, .pdf or .svg file."""
    model: str = "neural-drums"
    """A shipped model's name (see 'drumjax models list') or the folder of one that you trained or packed."""
    vocoder: str | None = None
    """What makes sound of the model's spectrograms: the folder or name of a trained vocoder, or griffin-lim. Default: the model's
    own; of a 'drumjax train cwae' by itself the shipped one."""
    drum_map: str = "tr808"
    """The lanes: tr808, pocket, gm, or a JSON file of your own."""
    takes: int = 4
    """Sounds a lane, 1 to 8, which its hits go round in turn where a performance is humanised."""
    variation: float = 0.1
    """How far takes differ, from 0 to 1."""
    seed: int = 0
    """The same seed gives the same kit."""
    silence_db: float = -60.0
    """What follows the last sample above this level, in dB of the peak, is cut off; -200 cuts off exact silence only."""


# What is checked before any work


def destination(call: Modelled) -> str | None:
    """Where the sounds go: what `-o` names, without it the verb's name; None where a picture is all."""
    if call.output is not None or call.plot is not None:
        return call.output
    verb = type(call).__name__.lower()
    return f"{verb}.json" if isinstance(call, Encode) else f"{verb}.wav" if call.number == 1 else verb


def check_call(call: Modelled) -> None:
    """Before any work: that a call's numbers are in their ranges, and that its results can have the names it asks for.

    Raises:
      InputError: a number out of range, both a class and a mix, a sound that is not there, a suffix that is not written, a folder
        that is not there, or a result that would take the place of a sound or a model that goes in, or of another result.
    """
    from drumjax.instruments.sound import MOST_SOUNDS

    if call.label is not None and call.mix is not None:
        raise InputError("--mix", rule="a class or a mix", found="both", remedy="leave one of the two out")
    _ = call.asked
    least = 2 if isinstance(call, Morph) else 1
    if not least <= call.number <= MOST_SOUNDS:
        found, remedy = f"{call.number}", "choose a number in that range"
        raise InputError("-n", rule=f"{least} to {MOST_SOUNDS:,} sounds", found=found, remedy=remedy)
    check_seed(call.seed)
    for source in call.sources:
        read_head(source, what="a sound file (.wav, .flac, …)" + ("" if isinstance(call, Encode) else " or a code file (.json)"))
        if isinstance(call, Encode) and is_code(source):
            found, remedy = (
                "a code file, which is encoded already",
                "give it to 'drumjax sound vary', with another --class if you like",
            )
            raise InputError(source, rule="a sound file", found=found, remedy=remedy)
    output = destination(call)
    if output is not None and isinstance(call, Encode):
        check_place(Path(output), "a code file", CODE_SUFFIXES)
    elif output is not None and not names_folder(output):
        check_place(Path(output), "a sound file", SOUND_SUFFIXES)
        if call.number > 1:
            found, remedy = f"{call.number} sounds", "name a folder, without a suffix or with a stroke at its end"
            raise InputError(output, rule="one sound for one file", found=found, remedy=remedy)
    if call.plot is not None:
        check_place(call.plot, "a picture", PICTURE_SUFFIXES)


def is_code(source: str) -> bool:
    """Whether a source is a code file, by its name."""
    return Path(source).suffix.lower() in CODE_SUFFIXES


def check_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= seed <= MOST_SEED:
        raise InputError("--seed", rule=f"a whole number from 0 to {MOST_SEED}", found=f"{seed}", remedy="choose one of these")


def check_stays(results: Sequence[Path], sources: Sequence[str], folders: Sequence[str | None]) -> None:
    """That nothing that goes in is written over, and that no two results have one name; InputError where it would be."""
    models = [Path(name).resolve() for name in folders if name is not None and Path(name).is_dir()]
    for i, result in enumerate(results):
        taken = "a file that goes in" if any(same_file(result, Path(source)) for source in sources) else ""
        if result.exists() and any(result.resolve().is_relative_to(model) for model in models):
            taken = "a file of the model"
        if any(same_file(result, other) for other in results[:i]):
            taken = "another result's name"
        if taken:
            raise InputError(result, rule="a name of its own for what is written", found=taken, remedy="choose another name")


def load_instrument(model: str, vocoder: str | None) -> SoundInstrument:
    """The instrument of `--model` and `--vocoder`."""
    from drumjax.instruments.loading import load_sounds_instrument

    return load_sounds_instrument(model, vocoder=vocoder)


# What the verbs make


def make_samples(call: Sample, instrument: SoundInstrument) -> list[Sound]:
    return instrument.sample(call.asked, call.n, call.seed)


def make_at(call: At, instrument: SoundInstrument) -> list[Sound]:
    if call.asked is None:
        remedy = f"name one of {', '.join(instrument.classes)}"
        raise InputError("--class", rule="a class or --mix", found="none", remedy=remedy)
    return [instrument.at(call.p1, call.p2, call.p3, call.asked, reach=call.reach)]


def make_variations(call: Vary, instrument: SoundInstrument) -> list[Sound]:
    return instrument.vary(read(instrument, call.sound, call.asked), call.distance, call.n, call.seed)


def make_morph(call: Morph, instrument: SoundInstrument) -> list[Sound]:
    start, goal = (read(instrument, source, call.asked) for source in call.sources)
    return instrument.morph(start, goal, call.n - 1, call.path)


def make_hits(call: Humanize, instrument: SoundInstrument) -> list[Sound]:
    return instrument.humanize(read(instrument, call.sound, call.asked), call.n, call.seed, variation=call.variation)


def read(instrument: SoundInstrument, source: str, label: Label | None) -> SoundCode:
    """The code of a sound that goes in; says which class it is read as, and what of it the model cannot hear."""
    code = instrument.encode(source, label)
    if is_code(source):
        return code
    why = {
        "given": "as it is told",
        "name": "as its name says",
        "record": "as it was made",
        "sound": "as which the model reconstructs it best; --class names another",
    }[code.chosen_by]
    print(f"{source}: read as {code.label}, {why}")
    shape, hears_s = read_audio_shape(source), instrument.mel.samples / instrument.sample_rate_hz
    if (seconds := shape.frames / shape.sample_rate_hz) > hears_s + 0.01:
        print(f"{source}: {seconds:.1f} s long; the model hears the first {hears_s:.2f} s")
    if shape.sample_rate_hz < instrument.sample_rate_hz:
        heard = f"{shape.sample_rate_hz / 2:,.0f} Hz, and the model hears up to {instrument.sample_rate_hz / 2:,.0f}"
        print(f"{source}: {shape.sample_rate_hz:,} Hz hold nothing above {heard}")
    return code


# Delivery


def cropped(sounds: Sequence[Sound], start_s: float | None, end_s: float | None, silence_db: float) -> list[Sound]:
    """The sounds as they are written."""
    return [sound.cropped(start_s or 0.0, end_s, silence_db=silence_db) for sound in sounds]


def paths_of(call: Sounding, sounds: Sequence[Sound]) -> list[Path]:
    """The file of each sound: what `-o` names, or in its folder files of their names with a number, `kick_01.wav`."""
    output = destination(call)
    if output is None:
        return []
    if not names_folder(output):
        return [Path(output)]
    width = len(str(len(sounds)))
    kept = [file_name(sound.label if isinstance(call, Sample | At) else Path(call.sources[0]).stem) for sound in sounds]
    kept = ["morph"] * len(sounds) if isinstance(call, Morph) else kept
    return [Path(output) / (f"{name}_{i + 1:0{width}d}.wav" if len(sounds) > 1 else f"{name}.wav") for i, name in enumerate(kept)]


def file_name(text: str) -> str:
    """A label or a name as part of a file's name; of a mix the classes."""
    return re.sub(r"[^\w.&#%+-]", "_", re.sub(r"=[^,]*,?", "-", text).strip("-"))[:_MOST_NAME] or "sound"


def picture(sounds: Sequence[Sound], instrument: SoundInstrument) -> Figure:
    """A sheet of the first sounds."""
    from drumjax.plots.sounds import Sketch, sound_sheet

    shown = [Sketch(sound.name, sound.audio, sound.mel) for sound in sounds[:MOST_PICTURED]]
    return sound_sheet(shown, instrument.mel)


def draw(sounds: Sequence[Sound], instrument: SoundInstrument, place: Path) -> None:
    """Writes a sheet, and says so where it shows not all of them."""
    say(write_picture(picture(sounds, instrument), place))
    if len(sounds) > MOST_PICTURED:
        print(f"{place}: shows the first {MOST_PICTURED} of {len(sounds)}")


def _run(call_type: type[Call], make: Callable[[Call, SoundInstrument], list[Sound]], arguments: list[str], prog: str) -> int:
    """Reads a verb's arguments, makes what they ask for, writes it where they say, and says so."""
    call = parse(call_type, arguments, prog)
    check_call(call)
    instrument = load_instrument(call.model, call.vocoder)
    whole = [_seeded(sound, call.seed) for sound in make(call, instrument)]
    sounds = cropped(whole, call.start_s, call.end_s, call.silence_db)
    paths = paths_of(call, sounds)
    check_stays([*paths, *([call.plot] if call.plot else [])], call.sources, (call.model, call.vocoder))
    if paths and len(paths) == len(sounds) and names_folder(str(destination(call))):
        make_folder(Path(str(destination(call))))
    for sound, path in zip(sounds, paths, strict=False):
        sound.save(path)
    say(*paths)
    say_silent(sounds)
    if call.plot is not None:
        draw(whole, instrument, call.plot)
    return 0


def _seeded(sound: Sound, seed: int | None) -> Sound:
    """The sound, the seed in its provenance where nothing was drawn and the user gave one all the same."""
    origin = sound.provenance or {}
    return sound if seed is None or origin.get("seed") is not None else replace(sound, provenance={**origin, "seed": seed})


def say_silent(sounds: Sequence[Sound]) -> None:
    """Tells of sounds in which there is nothing to hear."""
    if silent := [sound.name for sound in sounds if sound.is_silent]:
        print(f"silent: {', '.join(silent[:8])}{', …' if len(silent) > 8 else ''}: the model makes no sound there")


def sample(arguments: list[str], prog: str) -> int:
    """`drumjax sound sample`."""
    return _run(Sample, make_samples, arguments, prog)


def at(arguments: list[str], prog: str) -> int:
    """`drumjax sound at`."""
    return _run(At, make_at, arguments, prog)


def vary(arguments: list[str], prog: str) -> int:
    """`drumjax sound vary`."""
    return _run(Vary, make_variations, arguments, prog)


def morph(arguments: list[str], prog: str) -> int:
    """`drumjax sound morph`."""
    return _run(Morph, make_morph, arguments, prog)


def humanize(arguments: list[str], prog: str) -> int:
    """`drumjax sound humanize`."""
    return _run(Humanize, make_hits, arguments, prog)


def encode(arguments: list[str], prog: str) -> int:
    """`drumjax sound encode`."""
    call = parse(Encode, arguments, prog)
    check_call(call)
    instrument = load_instrument(call.model, call.vocoder)
    code = read(instrument, call.sound, call.asked)
    print(f"{call.sound}: P1 {code.position[0]:.2f}, P2 {code.position[1]:.2f}, P3 {code.position[2]:.2f}")
    output = destination(call)
    paths = [] if output is None else [Path(output)]
    check_stays([*paths, *([call.plot] if call.plot else [])], call.sources, (call.model, call.vocoder))
    if output is not None:
        origin = code.provenance or {}
        replace(code, provenance=origin if call.seed is None else {**origin, "seed": call.seed}).save(output)
        say(Path(output))
    if call.plot is not None:
        say(write_picture(_beside(call, instrument, code), call.plot))
    return 0


def _beside(call: Encode, instrument: SoundInstrument, code: SoundCode) -> Figure:
    """The sound beside what the model makes of it."""
    from drumjax.signal.levels import peak_normalized
    from drumjax.signal.one_shot import read_one_shot
    from drumjax.signal.sound import Sound

    rate = instrument.sample_rate_hz
    heard = instrument.window(Sound(peak_normalized(read_one_shot(call.sound, rate)), rate))
    (made,) = instrument.vary(code, 0.0)
    return picture([Sound(heard, rate, name=code.name), replace(made, name=f"{code.name} as {code.label}")], instrument)


def kit(arguments: list[str], prog: str) -> int:
    """`drumjax sound kit`."""
    call = parse(Kit, arguments, prog)
    from drumjax.patterns import load_drum_map

    check_seed(call.seed)
    drum_map = load_drum_map(call.drum_map)
    if call.plot is not None:
        check_place(call.plot, "a picture", PICTURE_SUFFIXES)
    folder = None if call.output is None and call.plot is not None else Path(call.output or "kit")
    if folder is not None and (folder.is_file() or folder.suffix.lower() in SOUND_SUFFIXES):
        raise InputError(folder, rule="a folder for a kit", found="a file's name", remedy="name a folder")
    instrument = load_instrument(call.model, call.vocoder)
    made = instrument.kit(call.seed, drum_map, takes=call.takes, variation=call.variation)
    saved = _trimmed(made, call.silence_db)
    for line in made.lines():
        print(line)
    if folder is not None:
        names = [folder / name for names in saved.file_names().values() for name in names]
        check_stays([*names, *([call.plot] if call.plot else [])], [call.drum_map], (call.model, call.vocoder))
        make_folder(folder)
        check_alone(folder, names)
        saved.save(folder)
        say(folder)
    say_silent([sound for sounds in made.made.values() for sound in sounds])
    if call.plot is not None:
        draw([sounds[0] for sounds in made.made.values()], instrument, call.plot)
    return 0


def check_alone(folder: Path, names: Sequence[Path]) -> None:
    """That a kit's folder holds no other sounds, which would be heard as takes of its own; InputError where it does."""
    from drumjax.boundary import AUDIO_SUFFIXES, list_files
    from drumjax.synth.kits import split_copies

    ours = {path.resolve() for path in names}
    _, sounds = split_copies(list_files(folder, AUDIO_SUFFIXES))
    if others := [path for path in sounds if path.resolve() not in ours]:
        found = f"{others[0].relative_to(folder)}" + (f" and {len(others) - 1} more" if len(others) > 1 else "")
        raise InputError(
            folder, rule="a folder without other sounds, which would mix with the kit", found=found, remedy="name another"
        )


def _trimmed(made: SoundKit, silence_db: float) -> SoundKit:
    return replace(made, made={lane: tuple(cropped(sounds, None, None, silence_db)) for lane, sounds in made.made.items()})
