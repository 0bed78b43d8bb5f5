"""`drumjax demo`: the main job on what ships, then a fresh model beside it, and a page with both."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from drumjax.boundary import InputError
from drumjax.cli.arguments import load_instrument, load_kit, load_pattern, make_folder, parse, say, write_sound, writing

if TYPE_CHECKING:
    from drumjax.cli.delivery import Made
    from drumjax.instruments.pattern import PatternInstrument
    from drumjax.patterns import Pattern
    from drumjax.serve.page import Section
    from drumjax.signal.rendering import Kit

START, GOAL = "embedded:electro#2", "embedded:techno#5"
MEASURES = 6
"""As in the paper's identification experiment: 44.7 s at 129 beats a minute."""
WANDER_MEASURES = 8
"""A minute of the autonomous drummer."""
KIT_SEED = 1
"""Of the new drum sounds."""
RUN = "training"
"""The working directory of the fresh model, inside the demo's folder."""
MARKER = ".drumjax-demo"
"""The file in it by which a demo knows the training of an earlier one: without it nothing is removed or written over."""
WRITTEN = (
    *(f"{name}.{kind}" for name in ("interpolation", "groove", "wander", "fresh") for kind in ("mid", "wav", "png")),
    *("crossfade.mid", "crossfade.wav", "kit", "kit.png", "wander_kit.wav", "index.html"),
)
"""What a demo writes beside it."""


@dataclass(frozen=True)
class Demo:
    """Play the shipped models, train a fresh one on the embedded patterns, and leave a page with all.

    Interpolates from Electro to Techno with the VAE that ships and renders it, plays that once more as a drummer would,
    and lets the GAN that ships wander for a minute, on the library's drum machine and on a kit that the model of drum
    sounds makes up for it; then trains a fresh pattern VAE (preset 'small', at most a minute by default), plays the same
    with it, and measures both on held-out patterns. Open index.html in the folder: it plays and shows everything offline.

    examples:
      drumjax demo
      drumjax demo -o demo/ --budget 30s --seed 1
    """

    output: Annotated[Path, arg(aliases=["-o"])] = Path("demo")
    """The folder for MIDI, sound, pictures and the page: a new one, one without such files, or that of an earlier demo."""
    budget: str = "60s"
    """How long the fresh model trains, such as 30s or 5m."""
    seed: int = 0
    """Of the training."""


def transition(instrument: PatternInstrument, start: Pattern, goal: Pattern, kit: Kit, folder: Path, name: str) -> list[Pattern]:
    """Writes an interpolation as NAME.mid, NAME.wav and NAME.png (beside the crossfade), and returns it."""
    from drumjax import plots
    from drumjax.patterns import concatenate
    from drumjax.signal.rendering import render

    patterns = instrument.interpolate(start, goal, MEASURES - 1)
    whole = concatenate(patterns)
    whole.save(folder / f"{name}.mid")
    write_sound(render(patterns, kit), folder / f"{name}.wav", whole.provenance, kit)
    say(folder / f"{name}.mid", folder / f"{name}.wav")
    crossfade = instrument.crossfade(start, goal, MEASURES - 1)
    plots.save(plots.interpolation_beside_crossfade(patterns, crossfade), folder / f"{name}.png")
    say(folder / f"{name}.png")
    return patterns


def baseline(instrument: PatternInstrument, start: Pattern, goal: Pattern, kit: Kit, folder: Path) -> list[Pattern]:
    """Writes the crossfade between the same ends, MIDI and equal-power sound, and returns it."""
    from drumjax.patterns import concatenate
    from drumjax.signal.rendering import render_crossfade

    patterns = instrument.crossfade(start, goal, MEASURES - 1)
    whole = concatenate(patterns)
    whole.save(folder / "crossfade.mid")
    sound = render_crossfade(start, goal, MEASURES, kit)
    write_sound(sound, folder / "crossfade.wav", whole.provenance, kit)
    say(folder / "crossfade.mid", folder / "crossfade.wav")
    return patterns


def performance(folder: Path) -> list[Pattern]:
    """Writes a humanised performance of the autonomous drummer as wander.mid, wander.wav and wander.png, and returns it.

    Also a kit of new sounds as kit/ and kit.png, and the same performance on it as wander_kit.wav.
    """
    from drumjax.cli import sound
    from drumjax.cli.pattern import Wander, make_wander
    from drumjax.patterns import concatenate

    made = make_wander(Wander(measures=WANDER_MEASURES, humanize=True))
    patterns = delivered(made, folder, "wander")
    words = ["--seed", str(KIT_SEED), "--takes", str(made.takes), "-o", str(folder / "kit"), "--plot", str(folder / "kit.png")]
    sound.kit(words, "drumjax sound kit")
    new = load_kit(folder / "kit", patterns[0].drum_map, takes=made.takes)
    write_sound(made.sound(new), folder / "wander_kit.wav", concatenate(patterns).provenance, new)
    say(folder / "wander_kit.wav")
    return patterns


def grooved(folder: Path, model: str) -> list[Pattern]:
    """Writes the interpolation of the same folder as a drummer would play it as groove.mid, .wav and .png, and returns it."""
    from drumjax.cli.groove import Apply, make_apply

    return delivered(make_apply(Apply(pattern=str(folder / "interpolation.mid"), model=model)), folder, "groove")


def delivered(made: Made, folder: Path, name: str) -> list[Pattern]:
    """Writes what a verb made as NAME.mid, NAME.wav and NAME.png, and returns it."""
    from drumjax import plots
    from drumjax.patterns import concatenate

    kit = load_kit(None, made.patterns[0].drum_map, takes=made.takes)
    whole = concatenate(made.patterns)
    whole.save(folder / f"{name}.mid")
    write_sound(made.sound(kit), folder / f"{name}.wav", whole.provenance, kit)
    plots.save(made.picture(), folder / f"{name}.png")
    say(*(folder / f"{name}.{kind}" for kind in ("mid", "wav", "png")))
    return list(made.patterns)


def takes(folder: Path) -> list[tuple[str, list[str | None]]]:
    """By lane the takes of a demo's kit, as paths beside the page; None where a lane has fewer than another."""
    from drumjax.boundary import AUDIO_SUFFIXES, list_files
    from drumjax.synth.kits import split_copies

    _, sounds = split_copies(list_files(folder / "kit", AUDIO_SUFFIXES))
    lanes: dict[str, list[str]] = {}
    for path in sorted(sounds):
        lanes.setdefault(path.parent.name, []).append(path.relative_to(folder).as_posix())
    most = max(map(len, lanes.values()))
    return [(lane, [*names, *[None] * (most - len(names))]) for lane, names in lanes.items()]


def claim(folder: Path) -> Path:
    """Makes the working directory of the fresh model, empty but for the marker, in place of that of an earlier demo.

    Raises:
      InputError: files that are not an earlier demo's stand where this one would write; none of them is touched.
    """
    workdir = folder / RUN
    ours = (workdir / MARKER).is_file() and not workdir.is_symlink()
    if not ours:
        for place in (workdir, *(folder / name for name in WRITTEN)):
            if os.path.lexists(place):
                raise InputError(
                    place, rule="nothing, or what an earlier demo wrote", found="something else", remedy="name another -o"
                )
    with writing(workdir):
        if ours:
            # What is removed is a training that a demo itself made, and nothing else; a demo begins anew each time.
            shutil.rmtree(workdir)
        workdir.mkdir()
        (workdir / MARKER).touch()
    return workdir


def fresh_model(workdir: Path, budget: str, seed: int, data: Any) -> None:
    """Trains the preset 'small' on the embedded patterns in a working directory."""
    from drumjax.train.recipe import recipe
    from drumjax.train.run import train

    chosen = recipe("pattern-vae")
    result = train(chosen, replace(chosen.presets["small"], seed=seed), data, workdir, budget=budget, own_process=True)
    print(f"trained a fresh model: {result.steps} steps in {result.seconds:.0f} s")


def compare(instruments: dict[str, PatternInstrument], data: Any) -> list[list[str]]:
    """Table rows: each model's reconstruction of training and held-out patterns, and what a copy would reach."""
    from drumjax.metrics import patterns as metrics

    rows = []
    for name, instrument in instruments.items():
        for split in ("train", "test"):
            reference = data.splits[split]["velocity"]
            estimate = metrics.played(instrument.reconstruct_values(reference), instrument.threshold)
            figures = metrics.evaluate(reference, estimate)
            f1, velocity = figures["onset_f1"].mean, figures["velocity_mae"].mean
            rows.append([name, split, str(len(reference)), f"{f1:.3f}", f"{velocity:.3f}"])
    train, test = data.splits["train"]["velocity"] > 0, data.splits["test"]["velocity"] > 0
    for name, figure in metrics.evaluate_yardsticks(test, train).items():
        if name in ("neighbour_f1", "mean_pattern_f1"):
            said = {"neighbour_f1": "best copy from the training set", "mean_pattern_f1": "best constant pattern"}[name]
            rows.append([said, "test", str(len(test)), f"{figure.mean:.3f}", ""])
    return rows


def sections(
    shipped: Sequence[Pattern],
    faded: Sequence[Pattern],
    wandered: Sequence[Pattern],
    fresh: Sequence[Pattern],
    rows: list[list[str]],
    drums: Sequence[tuple[str, Sequence[str | None]]],
    groove: Sequence[Pattern] = (),
) -> list[Section]:
    """The page; `drums` as from `takes`; without a groove where no model of grooves ships."""
    from drumjax.serve import page

    def player(title: str, patterns: Sequence[Pattern], name: str, text: str) -> Section:
        last = len(patterns) - 1
        names = {0: "start", last: "goal"} | {i: f"μ = {i / last:.1f}" for i in range(1, last)}
        return listed(title, [replace(pattern, name=names[i]) for i, pattern in enumerate(patterns)], name, text)

    def listed(title: str, patterns: Sequence[Pattern], name: str, text: str) -> Section:
        midi = f"{name.removesuffix('_kit')}.mid"
        return page.Player(title, patterns, f"{name}.wav", ((midi, "MIDI"), (f"{name}.wav", "sound")), text)

    drummer = [
        listed(
            "The interpolation as a drummer would play it",
            groove,
            "groove",
            "Notes, touch and timing of a PocketVAE on the template of the interpolation, bar by bar.",
        ),
        page.Picture("groove.png", "Above as it was written, below as it is played; outlined the template."),
    ]
    return [
        page.Text(
            f"Drum patterns that lead from {START} to {GOAL} in {MEASURES} measures of 4 bars. An interpolation composes new "
            "patterns in the space of codes that a variational autoencoder has learned; a crossfade only plays both ends at once. "
            "The autonomous drummer needs neither start nor goal."
        ),
        player("Interpolation, the model that ships", shipped, "interpolation", "The first and the last are reconstructions."),
        page.Picture("interpolation.png", "Above the crossfade, below the interpolation."),
        *(drummer if groove else []),
        player("Crossfade, the baseline", faded, "crossfade", "Equal power in sound, linear in the MIDI file's velocities."),
        listed(
            "The autonomous drummer",
            wandered,
            "wander",
            "A generative adversarial network plays by itself while its noise goes along the swirl of the paper's eq. 8. It is "
            "humanised: small errors of timing and touch, and four takes of each drum in turn.",
        ),
        page.Picture("wander.png", "The way through the noise, coloured by time, and the measures that lie on it."),
        listed(
            "The same on drums that do not exist",
            wandered,
            "wander_kit",
            "A conditional autoencoder made up a new sound for each lane, and takes of it; a vocoder made them sound.",
        ),
        page.Clips("The kit", ["lane", *(f"take {k + 1}" for k in range(len(drums[0][1])))], drums),
        page.Picture("kit.png", "The first take of each lane: its waveform, the spectrogram decoded, and that of the waveform."),
        player(
            "Interpolation, a model trained just now", fresh, "fresh", "The same ends through the model that this demo trained."
        ),
        page.Picture("fresh.png", "Above the crossfade, below the interpolation of the fresh model."),
        page.Table(
            "Reconstruction",
            ["model", "split", "patterns", "onset F1", "velocity error"],
            rows,
            note="Onset F1 pooled over all cells; velocity error: mean absolute error in [0, 1] over matched hits. The split "
            "'test' was held out from the fresh model's training and from the choice of its threshold; the "
            "data of the shipped model stand in its card ('drumjax models show pattern-vae').",
        ),
    ]


def demo(arguments: list[str], prog: str) -> int:
    """`drumjax demo`."""
    call = parse(Demo, arguments, prog)
    began = time.monotonic()
    from drumjax.instruments.loading import DEFAULT_GROOVES, shipped_models
    from drumjax.train.workdir import parse_budget

    parse_budget(call.budget)
    make_folder(call.output)
    workdir = claim(call.output)
    instrument = load_instrument("pattern-vae")
    start, goal = (load_pattern(reference, instrument.drum_map) for reference in (START, GOAL))
    kit = load_kit(None, instrument.drum_map)
    shipped = transition(instrument, start, goal, kit, call.output, "interpolation")
    faded = baseline(instrument, start, goal, kit, call.output)
    groove = grooved(call.output, DEFAULT_GROOVES) if DEFAULT_GROOVES in shipped_models() else []
    wandered = performance(call.output)
    print(f"first sound and picture after {time.monotonic() - began:.1f} s; now training a fresh model")
    from drumjax.datasets.load import load_patterns
    from drumjax.serve import page

    data = load_patterns("embedded")
    fresh_model(workdir, call.budget, call.seed, data)
    trained = load_instrument(str(workdir))
    fresh = transition(trained, start, goal, kit, call.output, "fresh")
    rows = compare({"shipped": instrument, "fresh": trained}, data)
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, (32, 5, 5, 6, 6), strict=True)))
    made = sections(shipped, faded, wandered, fresh, rows, takes(call.output), groove)
    page.write_page(call.output / "index.html", "drumjax: from Electro to Techno", made)
    say(call.output / "index.html")
    print(f"done in {time.monotonic() - began:.0f} s: open {call.output / 'index.html'}")
    return 0
