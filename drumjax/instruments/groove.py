"""The groove instrument: plays a sketch of a beat as a drummer would, with a trained PocketVAE.

Source: PocketVAE, Sec. 3.4 and 4.2: grooves on a user's template from codes of the prior, codes of a reference track (transfer),
genre and control patterns. Amounts, kept notes and the joining of windows are our decision.

The network knows two bars. A longer track is played bar by bar: every window begins with the bar that was played last, which the
networks read as if they had just written it, and goes on from there. The codes of a bar belong to the bar, whichever window it is
in; the codes of touch and timing walk slowly from bar to bar. So there is no seam, and bar k depends on the template up to
it alone, not on how many follow.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import jax
import numpy as np

from drumjax import checkpoint
from drumjax.boundary import STEPS, InputError
from drumjax.instruments.common import blockwise, check_fits, check_seed, check_share, is_a, is_whole, key_of, pattern_input, plain
from drumjax.instruments.groove_functions import Signatures, compiled, shapes_of, signatures
from drumjax.instruments.groove_outlines import (
    Genre,
    Outline,
    accent_classes,
    drawn_sketch,
    feel_classes,
    genre_row,
    habitual_accents,
    habitual_feel,
    read_accents,
    read_feel,
    read_genre,
    sketch,
)
from drumjax.instruments.sound_codes import label_text
from drumjax.models.pocketvae import PocketVAEConfig
from drumjax.patterns import DrumMap, Pattern, drum_map_from_json
from drumjax.patterns.lanes import lanes_in, with_drum_map
from drumjax.patterns.midi import TICKS_PER_STEP
from drumjax.patterns.pattern import LEAST_VELOCITY, PAPER_TEMPO_BPM
from drumjax.patterns.sketches import Sketch, outlines_of, read_sketch
from drumjax.patterns.templates import CLOSED_HAT, RIDE, STEPS_PER_BAR, TemplateRules, template
from drumjax.provenance import in_part, provenance

Notes = Literal["likely", "drawn"]
SYSTEM = "pocketvae"
MOST_BARS = STEPS // STEPS_PER_BAR
"""4,096 bars, the longest grid that is read and written."""
MOST_GROOVES = 1024
"""More at a time are taken for a slip."""
MOST_TEMPERATURE = 10.0
STAY = 0.9
"""How much of a bar's touch and timing the next one keeps: no bar repeats to the tick, and none is another drummer's (our
decision)."""
SMALL, LARGE = 8, 64
"""Items in one call of a compiled function: one groove comes soon, many come fast."""
HALF_STEP_TICKS = TICKS_PER_STEP // 2


class _Track(NamedTuple):
    """What is played on, bar by bar; of B bars there are B − 1 windows (W) of two.

    Attributes:
      pattern: the player's own, on the model's lanes, filled up with silence to whole bars, at least two: (B · 16, lanes).
      template: float32 (W, steps, lanes).
      sounding: float32 (B · 16,), 0 in bars that are to stay silent.
      genre: weights, float32 (genres,).
      codes: of windows, by the names of `signatures`; what is not there is drawn.
      feel: classes of the timing, int32 (W, steps).
      accents: classes of the velocities, int32 (W, steps).
      slot: the track's number in its call, which keys its draws.
    """

    pattern: Pattern
    template: np.ndarray
    sounding: np.ndarray
    genre: np.ndarray
    codes: Mapping[str, np.ndarray]
    feel: np.ndarray
    accents: np.ndarray
    slot: int = 0


class _How(NamedTuple):
    """How a call plays: see `GrooveInstrument.groove`."""

    seed: int = 0
    amount_notes: float = 1.0
    amount_velocity: float = 1.0
    amount_timing: float = 1.0
    keep_notes: bool = False
    notes: Notes = "likely"
    temperature: float = 1.0


@dataclass(frozen=True, eq=False)
class GrooveInstrument:
    """A trained PocketVAE, ready to play. Make one with `drumjax.load`.

    Attributes:
      name: the model as the user named it: a shipped model's name or a folder.
      config: the network's shape.
      weights: what `signatures` take first, on the default device.
      drum_map: what the lanes are.
      genres: those that it was trained on, in the order of its condition.
      rules: how it takes templates from what is played.
      threshold: the probability from which on a note is likely.
      card: everything that was stored beside the weights.
      sha256: the hash of the checkpoint's manifest, which names it in provenance.
      sketches: by genre, templates and outlines of the training set, which stand in for those that a user does not give.
    """

    name: str
    config: PocketVAEConfig
    weights: Any = field(repr=False)
    drum_map: DrumMap
    genres: tuple[str, ...]
    rules: TemplateRules
    threshold: float
    card: Mapping[str, Any] = field(repr=False)
    sha256: str
    sketches: Mapping[str, tuple[Sketch, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_checkpoint(cls, playing: checkpoint.Playing, *, directory: Path, name: str) -> GrooveInstrument:
        """An instrument from what `checkpoint.load_playing` returns.

        Raises:
          InputError: a card that does not hold what playing needs, or weights that do not fit it.
        """
        card, place = playing.card, directory / checkpoint.CARD
        remedy = "train again with this version, or take another checkpoint"
        try:
            play = card["play"]
            drum_map, threshold = drum_map_from_json(play["drum_map"]), float(play["note_threshold"])
            config, rules = card["config"]["model"], play["rules"]
            genres = tuple(map(str, play["genres"]))
            written = dict(play.get("sketches", {}))  # which models of early versions have not
            sketches = {name: tuple(read_sketch(text, 2 * STEPS_PER_BAR) for text in texts) for name, texts in written.items()}
            if not 0 < threshold < 1:
                raise ValueError(f"a threshold of {threshold}")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                place,
                rule="the drum map, genres, rules, threshold and model configuration that playing needs",
                found=f"a card without them ({error!r})",
                remedy=remedy,
            ) from error
        shape = checkpoint.parse_config(PocketVAEConfig, config, place)
        wanted = (shape.lanes, shape.genres, 2 * STEPS_PER_BAR)
        found = (len(drum_map.lanes), len(genres), shape.steps)
        if wanted != found:
            rule = f"{wanted[0]} lanes, {wanted[1]} genres and grooves of {wanted[2]} steps, as the model has"
            raise InputError(place, rule=rule, found=f"{found[0]}, {found[1]} and {found[2]}", remedy=remedy)
        params, extra, prior = shapes_of(shape)
        if prior is not None and "prior" not in playing.params:
            raise InputError(
                directory,
                rule="a training with its second stage, in which the prior of the codes is learned",
                found=f"one that stopped before it, at step {card.get('step')}",
                remedy="resume it with the call that began it, or take another checkpoint",
            )
        players = {SYSTEM: params} | ({} if prior is None else {"prior": prior})
        check_fits(directory, players, {role: playing.params.get(role) for role in players})
        check_fits(directory, extra, {role: playing.extra.get(role) for role in extra})
        weights = {"params": playing.params[SYSTEM], "extra": {role: playing.extra[role] for role in extra}}
        weights |= {} if prior is None else {"prior": playing.params["prior"]}
        return cls(
            name=name,
            config=shape,
            weights=jax.device_put(weights),
            drum_map=drum_map,
            genres=genres,
            rules=checkpoint.parse_config(TemplateRules, rules, place),
            threshold=threshold,
            card=card,
            sha256=checkpoint.fingerprint(directory),
            sketches=sketches,
        )

    @property
    def told_genres(self) -> bool:
        """Whether the network plays one genre otherwise than another."""
        return self.config.use_genre and self.config.variant != "1-step"

    def signatures(self) -> Signatures:
        """See `drumjax.instruments.groove_functions.signatures`; `weights` is the first argument."""
        return signatures(self.config, self.rules)

    # Playing

    def groove(
        self,
        template: Pattern,
        genre: Genre | None = None,
        seed: int = 0,
        *,
        amount_notes: float = 1.0,
        amount_velocity: float = 1.0,
        amount_timing: float = 1.0,
        keep_notes: bool = False,
        notes: Notes = "likely",
        temperature: float = 1.0,
        feel: Outline | None = None,
        accents: Outline | None = None,
    ) -> Pattern:
        """A sketch as a drummer would play it: notes added and left out, touch and timing.

        The model hears the sketch's template (`drumjax.patterns.templates`): kicks, snares without ghost notes, an even cymbal. A
        bar in which nothing is played stays silent. One bar alone is played as if it were repeated.

        Args:
          template: in 4/4, of any drum map (its drums go where the model has them; a warning names those that it has not) and of 1
            to 65,536 steps.
          genre: a genre by any name that it goes by, or a mix; None for the pattern's own where the model knows it, else an even
            mix.
          seed: 0 to 2³² − 1.
          amount_notes: how far the model decides on the notes, 0 to 1: of those that differ from the sketch's, the ones are taken
            over of which it is sure, with a probability of at least 1 / (1 + amount); at 0 none is.
          amount_velocity: 0 keeps the sketch's velocities, 1 takes the model's, between they are mixed; notes that were added
            have the model's.
          amount_timing: the same of the offsets; notes that were added have 0 in the place of the sketch's.
          keep_notes: leave none of the sketch's notes out; others may be added.
          notes: "likely" notes are those from the model's threshold on, "drawn" ones fall as likely as the model says.
          temperature: 0 to 10; divides the prior's logits and scales the codes of touch and timing: 0 is the most usual groove, 1
            what the model learned, more is stranger.
          feel: outline of the timing (C_M): "push", "laid_back", "on", or drawn, a letter p, l or o or a number a step, repeated.
            None for that of the sketch where it has microtiming, else for one of the training set, drawn of the genre.
          accents: outline of the cymbals' velocities (C_V), drawn: a digit 0 to 9, or a number from 0 to 1, a step, repeated.
            None for that of the sketch where its cymbals have accents, else for one of the training set, drawn of the genre.

        Returns:
          A pattern of the sketch's length and tempo on the model's lanes. Velocities and offsets that the model made are whole
          1/127 and whole ticks of a MIDI file, so that they survive being written; only what is early on the very first step
          cannot.

        Raises:
          InputError: another metre, a pattern without hits or with hits on no lane of the model's alone, an unknown genre, a number
            out of range, or a genre or an outline for a model that is told none.
        """
        how = _How(seed, amount_notes, amount_velocity, amount_timing, keep_notes, notes, temperature)
        own, mix = self._own(template), self._genre(genre, template)
        self._warn_of(template)
        track = self._track(own, mix, seed, feel, accents)
        settings = self._settings(how, template, mix, feel, accents)
        return self._made([track], how, own, self._provenance("apply", settings, [template], seed))[0]

    def humanize(
        self,
        pattern: Pattern,
        genre: Genre | None = None,
        seed: int = 0,
        *,
        amount_velocity: float = 1.0,
        amount_timing: float = 1.0,
        temperature: float = 1.0,
        feel: Outline | None = None,
        accents: Outline | None = None,
    ) -> Pattern:
        """Touch and timing alone: the very notes of the pattern, on its own lanes, played as a drummer would.

        Drums that the model knows as one (toms, a snare and its rim) are moved together, and keep their balance; drums that it does
        not know stay as they are. Arguments and errors are those of `groove`.
        """
        how = _How(seed, 0.0, amount_velocity, amount_timing, temperature=temperature)
        own, mix = self._own(pattern), self._genre(genre, pattern)
        settings = self._settings(how, pattern, mix, feel, accents)
        settings = {name: value for name, value in settings.items() if name not in ("amount_notes", "keep_notes", "notes")}
        track = self._track(own, mix, seed, feel, accents)
        record = self._provenance("humanize", settings, [pattern], seed)
        _, (velocity,), (offset,) = self._play([track], how)
        whole = _whole_bars(pattern)
        touched, moved = _on_own_lanes(whole, track.pattern, velocity, offset)
        return _mixed(whole, pattern, whole.hits, touched, moved, how, record)

    def transfer(
        self,
        reference: Pattern,
        template: Pattern,
        genre: Genre | None = None,
        *,
        seed: int = 0,
        amount_notes: float = 1.0,
        amount_velocity: float = 1.0,
        amount_timing: float = 1.0,
        keep_notes: bool = False,
        notes: Notes = "likely",
        feel: Outline | None = None,
        accents: Outline | None = None,
    ) -> Pattern:
        """The groove of a reference track on another template: the reference's codes of notes, touch and timing, bar by bar.

        A reference that is shorter than the template begins again.

        Args:
          reference: a performance in 4/4, of any drum map and length.
          template: as for `groove`, and the other arguments.
          genre: of both; None for the reference's own where the model knows it, else an even mix.
          seed: of the notes that the decoder reads back, which are drawn.
          amount_notes: see `groove`.
          amount_velocity: see `groove`.
          amount_timing: see `groove`.
          keep_notes: see `groove`.
          notes: see `groove`.
          feel: None for the reference's.
          accents: None for the reference's.

        Raises:
          InputError: as `groove`, of either pattern.
        """
        how = _How(seed, amount_notes, amount_velocity, amount_timing, keep_notes, notes)
        played, own, mix = self._own(reference), self._own(template), self._genre(genre, reference)
        self._warn_of(reference, template)
        track = self._track(own, mix, seed, feel, accents)
        track = self._as_played(track, played, drawn_feel=feel is not None, drawn_accents=accents is not None)
        settings = self._settings(how, template, mix, feel, accents)
        del settings["temperature"]
        settings |= {"reference_steps": reference.steps, "reference_drum_map": reference.drum_map.name}
        return self._made([track], how, own, self._provenance("transfer", settings, [reference, template], seed))[0]

    def generate(
        self,
        genre: Genre | None = None,
        n: int = 1,
        seed: int = 0,
        *,
        bars: int = 2,
        notes: Notes = "likely",
        temperature: float = 1.0,
        feel: Outline | None = None,
        accents: Outline | None = None,
        tempo_bpm: float = PAPER_TEMPO_BPM,
    ) -> list[Pattern]:
        """New grooves, without a template of the user's: on templates of the training set, some of which the model's card keeps
        of every genre (`sketches`), with their outlines where none are given. Groove i depends on (seed, i) alone, not on `n`, and
        its bar k not on `bars`. (A model that keeps none plays on sketches of a drum machine, `groove_outlines.sketch`.)

        Args:
          genre: as for `groove`; None for one genre after another.
          n: 1 to 1,024.
          seed: as for `groove`, and the other arguments.
          bars: of each groove, 1 to 4,096; at most 4,096 in all.
          notes: see `groove`.
          temperature: see `groove`.
          feel: see `groove`.
          accents: see `groove`.
          tempo_bpm: of all grooves.

        Raises:
          InputError: as `groove`, and for a number out of range.
        """
        how = _How(seed, notes=notes, temperature=temperature)
        _check_number("n", n, MOST_GROOVES, "grooves")
        _check_number("bars", bars, MOST_BARS // n, f"bars, {MOST_BARS:,} in all")
        check_seed(seed)
        mixes = [read_genre(self.genres[i % len(self.genres)] if genre is None else genre, self.genres) for i in range(n)]
        # A single bar is the first of two.
        grids = [self._sketched(mix, seed, i, max(bars, 2) * STEPS_PER_BAR) for i, mix in enumerate(mixes)]
        owns = [Pattern.from_grid(grid * np.float32(100 / 127), drum_map=self.drum_map, tempo_bpm=tempo_bpm) for grid in grids]
        tracks = [self._track(own, mix, seed, feel, accents, slot=i) for i, (own, mix) in enumerate(zip(owns, mixes, strict=True))]
        settings: dict[str, Any] = {} if genre is None else {"genre": label_text(mixes[0])}
        settings |= {"n": n, "bars": bars, "notes": notes, "temperature": temperature, "tempo_bpm": float(tempo_bpm)}
        settings |= self._outlines(feel, accents)
        record = self._provenance("generate", settings, [], seed)
        made = self._made(tracks, how, owns[0].window(0, bars * STEPS_PER_BAR), record)
        return [
            replace(
                pattern,
                name=f"{_label(mix)} {i + 1}" if n > 1 else _label(mix),
                genre=_label(mix),
                provenance=in_part(record, i + 1) if n > 1 else record,
            )
            for i, (pattern, mix) in enumerate(zip(made, mixes, strict=True))
        ]

    # Below the methods

    def template_of(self, pattern: Pattern) -> np.ndarray:
        """What the model hears of a sketch, float32 (steps, lanes) of 0 and 1: each bar as in the window that ends with it.

        Raises:
          InputError: as `groove`, of the pattern.
        """
        whole = _whole_bars(self._own(pattern))
        windows = self._templates(whole.velocity, _heard(whole))
        return np.concatenate([windows[0, :STEPS_PER_BAR], *windows[:, STEPS_PER_BAR:]])[: pattern.steps]

    def _own(self, pattern: Pattern) -> Pattern:
        """A pattern on the model's lanes; InputError where there is nothing in it to play."""
        what = str((pattern.provenance or {}).get("path") or pattern.name or "pattern")
        if pattern.metre != (4, 4):
            found = f"{pattern.metre[0]}/{pattern.metre[1]}"
            raise InputError(what, rule="a pattern in 4/4", found=found, remedy="choose one in 4/4: the model knows no other metre")
        if not 1 <= pattern.steps <= STEPS:
            found = f"{-(-pattern.steps // STEPS_PER_BAR):,} bars" if pattern.steps else "no steps"
            raise InputError(what, rule=f"1 to {MOST_BARS:,} bars", found=found, remedy="cut it into parts and play each by itself")
        if not pattern.hits.any():
            remedy = "put a kick or a snare in it, or take 'generate', which needs no pattern"
            raise InputError(what, rule="a pattern with hits", found="silence", remedy=remedy)
        own, left_out = with_drum_map(pattern, self.drum_map)
        if not own.hits.any():
            found = f"hits on {', '.join(list(left_out)[:8])} alone"
            remedy = f"read the file with the drum map {self.drum_map.name!r}, or move the notes to its keys"
            raise InputError(what, rule=f"hits of the drum map {self.drum_map.name!r}", found=found, remedy=remedy)
        return own

    def _warn_of(self, *patterns: Pattern) -> None:
        """Says what is left out of patterns because the model has no lane for it."""
        for pattern in patterns:
            if left_out := with_drum_map(pattern, self.drum_map)[1]:
                hits = ", ".join(f"{lane} ({n} hits)" for lane, n in left_out.items())
                warnings.warn(f"the model knows no drum like {hits} of {pattern.name or 'the pattern'}", UserWarning, stacklevel=3)

    def _genre(self, genre: Genre | None, pattern: Pattern) -> dict[str, float]:
        if genre is None and pattern.genre and self.told_genres:
            try:
                return read_genre(pattern.genre, self.genres)
            except InputError:  # the pattern's own is one that this model was not trained on
                pass
        mix, even = read_genre(genre, self.genres), read_genre(None, self.genres)
        if mix != even and not self.told_genres:  # a record of such a model has the even mix
            remedy = "leave it out, or take a model that was trained with them"
            raise InputError("genre", rule="a model that is told genres", found="one that is not", remedy=remedy)
        return mix

    def _outlines(self, feel: Outline | None, accents: Outline | None) -> dict[str, str]:
        """Control patterns as they are written down, those that are given."""
        written = {} if feel is None else {"feel": read_feel(feel)}
        written |= {} if accents is None else {"accents": read_accents(accents)}
        if written and not self.config.use_patterns:
            rule, remedy = "a model that is told control patterns", "leave it out, or take a model that was trained with them"
            raise InputError(next(iter(written)), rule=rule, found="one that is not", remedy=remedy)
        return written

    def _track(
        self,
        own: Pattern,
        mix: Mapping[str, float],
        seed: int,
        feel: Outline | None,
        accents: Outline | None,
        slot: int = 0,
    ) -> _Track:
        check_seed(seed)
        written = self._outlines(feel, accents)
        whole = _whole_bars(own)
        heard = _heard(whole)
        velocity, offset = _windows(whole.velocity), _windows(whole.offset)
        cymbals = own.velocity[:, [CLOSED_HAT, RIDE]]
        drawn = drawn_sketch(self.sketches, mix, seed, slot) if self.config.use_patterns else None
        if "feel" in written:
            timing = _windows(feel_classes(written["feel"], whole.steps))
        elif own.offset.any():
            timing = np.stack([outlines_of(*window)[1] for window in zip(velocity, offset, strict=True)])
        else:
            timing = _windows(habitual_feel(seed, slot, whole.steps) if drawn is None else _repeated(drawn.feel, whole.steps))
        if "accents" in written:
            touch = _windows(accent_classes(written["accents"], whole.steps))
        elif len(np.unique(cymbals[cymbals > 0])) > 1:
            touch = np.stack([outlines_of(*window)[0] for window in zip(velocity, offset, strict=True)])
        else:
            touch = _windows(habitual_accents(seed, slot, whole.steps) if drawn is None else _repeated(drawn.accents, whole.steps))
        return _Track(
            pattern=whole,
            template=self._templates(whole.velocity, heard),
            sounding=np.repeat(heard, STEPS_PER_BAR).astype(np.float32),
            genre=genre_row(mix, self.genres),
            codes={},
            feel=timing,
            accents=touch,
            slot=slot,
        )

    def _sketched(self, mix: Mapping[str, float], seed: int, slot: int, steps: int) -> np.ndarray:
        """A template to begin with where there is none of the user's, float32 (steps, lanes) of 0 and 1."""
        drawn = drawn_sketch(self.sketches, mix, seed, slot)
        return sketch(mix, seed, slot, steps) if drawn is None else _repeated(drawn.template, steps)

    def _templates(self, velocity: np.ndarray, heard: np.ndarray) -> np.ndarray:
        """The templates of windows, silent in silent bars; such a bar counts as its neighbour where hits are counted."""
        bars = velocity.reshape(len(heard), STEPS_PER_BAR, -1)
        pairs = []
        for first in range(len(heard) - 1):
            one, two = (first, first + 1) if heard[first] else (first + 1, first + 1)
            pairs.append(np.concatenate([bars[one], bars[two if heard[two] else one]]))
        taken = template(np.stack(pairs), self.rules)
        return taken * _windows(np.repeat(heard, STEPS_PER_BAR))[..., None]

    def _as_played(self, track: _Track, reference: Pattern, *, drawn_feel: bool, drawn_accents: bool) -> _Track:
        """The track with the codes of a reference, whose bars go round, and with its outlines where none were drawn."""
        whole = _whole_bars(reference)
        bars, wanted = whole.steps // STEPS_PER_BAR, len(track.template)
        turning = np.concatenate([np.arange(whole.steps), np.arange(STEPS_PER_BAR)])
        count = min(bars, wanted)
        velocity, offset = (_windows(grid[turning])[:count] for grid in (whole.velocity, whole.offset))
        genre = np.repeat(track.genre[None], count, 0)
        codes = self._run("encode", {"velocity": velocity, "offset": offset, "genre": genre})
        at = np.arange(wanted) % count
        accents, feel = (np.stack(each)[at] for each in zip(*map(outlines_of, velocity, offset), strict=True))
        accents, feel = track.accents if drawn_accents else accents, track.feel if drawn_feel else feel
        return track._replace(codes={name: code[at] for name, code in codes.items()}, feel=feel, accents=accents)

    def _play(self, tracks: Sequence[_Track], how: _How) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Plays tracks of one length: notes bool, velocities and offsets as the model made them, (tracks, B · 16, lanes)."""
        self._check(how)
        windows, steps, lanes = len(tracks[0].template), self.config.steps, self.config.lanes
        n = len(tracks)
        key, slot = key_of(how.seed), np.array([track.slot for track in tracks], np.int32)
        ones = np.ones(n, np.float32)
        common = {
            "slot": slot,
            "temperature": how.temperature * ones,
            "genre": np.stack([track.genre for track in tracks]),
            "keep": how.keep_notes * ones,
            "amount": how.amount_notes * ones,
            "drawn": (how.notes == "drawn") * ones,
        }
        has_codebook = self.config.variant == "2-step-vq"
        made = np.zeros((n, (windows + 1) * STEPS_PER_BAR, 3 * lanes), np.float32)
        settled = np.zeros((n, steps), bool)
        drawn = self._run(
            "draw",
            {
                "slot": np.tile(slot, windows),
                "window": np.repeat(np.arange(windows, dtype=np.int32), n),
                "temperature": np.tile(common["temperature"], windows),
            },
            key=key,
        )
        draws = {name: code.reshape(windows, n, -1) for name, code in drawn.items()}
        walk = {name: code[0] for name, code in draws.items()}
        codes_before = np.zeros((n, self.config.code_steps), np.int32)
        for window in range(windows):
            here = slice(window * STEPS_PER_BAR, window * STEPS_PER_BAR + steps)
            if window:
                walk = {name: _walked(last, draws[name][window]) for name, last in walk.items()}
            given = {name: np.stack([track.codes[name][window] for track in tracks]) for name in tracks[0].codes}
            codes = walk | given
            if has_codebook:
                # A bar keeps the codes that it was given or drew as the last window's second half.
                half = self.config.code_steps // 2
                known = np.repeat((np.arange(self.config.code_steps) < half)[None] & (window > 0), n, 0)
                fresh = given.get("note_code", codes_before)
                shifted = np.concatenate([codes_before[:, half:], codes_before[:, :half]], 1)
                codes["note_code"] = np.where(known, shifted, fresh)
                codes["given"] = known | ("note_code" in given)
            outlines = {}
            if self.config.use_patterns:
                outlines = {name: np.stack([getattr(track, name)[window] for track in tracks]) for name in ("feel", "accents")}
            out = self._run(
                "play",
                common | codes | outlines | {
                    "window": np.full(n, window, np.int32),
                    "template": np.stack([track.template[window] for track in tracks]),
                    "own": np.stack([track.pattern.hits[here] for track in tracks]).astype(np.float32),
                    "sounding": np.stack([track.sounding[here] for track in tracks]),
                    "before": made[:, here],
                    "settled": settled,
                },
                key=key,
                threshold=np.float32(self.threshold),
            )  # fmt: skip
            made[:, here] = np.concatenate([out["note"], out["velocity"], out["offset"]], -1)
            codes_before = out["note_code"]
            settled[:, :STEPS_PER_BAR] = True
        if not np.isfinite(made).all():
            remedy = "its training diverged: take another checkpoint"
            raise InputError(self.name, rule="a model that makes finite numbers", found="NaN or infinity", remedy=remedy)
        note, velocity, offset = np.split(made, 3, -1)
        return note > 0, velocity, offset

    def _made(self, tracks: Sequence[_Track], how: _How, like: Pattern, record: Mapping[str, Any]) -> list[Pattern]:
        """Patterns of what is played, each as long as `like`, mixed with the players' own by the amounts."""
        notes, velocities, offsets = self._play(tracks, how)
        return [
            _mixed(track.pattern, like, note, velocity, offset, how, record)
            for track, note, velocity, offset in zip(tracks, notes, velocities, offsets, strict=True)
        ]

    def _check(self, how: _How) -> None:
        check_seed(how.seed)
        for name in ("amount_notes", "amount_velocity", "amount_timing"):
            check_share(name, getattr(how, name))
        if not is_a(how.temperature, Real) or not 0 <= how.temperature <= MOST_TEMPERATURE:
            found, remedy = f"{how.temperature}", "choose a number in that range"
            raise InputError("temperature", rule=f"0 to {MOST_TEMPERATURE:g}", found=found, remedy=remedy)
        if how.notes not in ("likely", "drawn"):
            raise InputError("notes", rule="'likely' or 'drawn'", found=f"{how.notes!r:.40}", remedy="choose one of the two")

    def _run(self, name: str, items: Mapping[str, np.ndarray], **whole: Any) -> dict[str, np.ndarray]:
        """A function of items on any number of them, a block at a time; `whole` are the same for all."""
        function = compiled(self.config, self.rules)[name]

        def of_block(*arrays: np.ndarray) -> dict[str, jax.Array]:
            return function(self.weights, **dict(zip(items, arrays, strict=True)), **whole)

        return cast(dict[str, np.ndarray], blockwise(of_block, LARGE, SMALL)(*items.values()))

    def _settings(
        self, how: _How, pattern: Pattern, mix: Mapping[str, float], feel: Outline | None, accents: Outline | None
    ) -> dict[str, Any]:
        settings = {name: value for name, value in how._asdict().items() if name != "seed"}
        settings |= {"genre": label_text(mix), "drum_map": pattern.drum_map.name, "steps": pattern.steps}
        return settings | {"tempo_bpm": pattern.tempo_bpm} | self._outlines(feel, accents)

    def _provenance(self, verb: str, parameters: Mapping[str, Any], inputs: Sequence[Pattern], seed: int) -> dict[str, Any]:
        return provenance(
            f"groove {verb}",
            model=self.name,
            model_sha256=self.sha256,
            seed=plain(seed),
            parameters={name: plain(value) for name, value in parameters.items()},
            inputs=[pattern_input(pattern) for pattern in inputs],
        )


def _whole_bars(pattern: Pattern) -> Pattern:
    """Filled up with silence to whole bars; a single one is repeated."""
    more = -pattern.steps % STEPS_PER_BAR
    if not more and pattern.steps > STEPS_PER_BAR:
        return pattern
    grids = [np.pad(grid, ((0, more), (0, 0))) for grid in (pattern.hits, pattern.velocity, pattern.offset)]
    if len(grids[0]) == STEPS_PER_BAR:
        grids = [np.concatenate([grid, grid]) for grid in grids]
    return replace(pattern, hits=grids[0], velocity=grids[1], offset=grids[2])


def _heard(whole: Pattern) -> np.ndarray:
    """In which bars anything is hit, bool (bars,)."""
    return np.asarray(whole.hits.reshape(-1, STEPS_PER_BAR, whole.lanes).any(axis=(1, 2)))


def _repeated(grid: np.ndarray, steps: int) -> np.ndarray:
    """Over and over, of a length."""
    return np.resize(grid, (steps, *grid.shape[1:]))


def _windows(grid: np.ndarray) -> np.ndarray:
    """(bars · 16, …) → (bars − 1, 32, …), each beginning with the bar in which the last one ends."""
    return np.stack([grid[first : first + 2 * STEPS_PER_BAR] for first in range(0, len(grid) - STEPS_PER_BAR, STEPS_PER_BAR)])


def _walked(last: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """The next of a walk that stays as it is distributed."""
    return (np.float32(STAY) * last + np.float32(math.sqrt(1 - STAY**2)) * draw).astype(np.float32)


def _on_own_lanes(own: Pattern, like: Pattern, velocity: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Velocities and offsets of the lanes of `like`, which is `own` on the model's lanes, as those of the hits of `own`."""
    touched, moved = own.velocity.copy(), own.offset.copy()
    for lane, to in enumerate(lanes_in(own.drum_map, like.drum_map)):
        if to is not None:
            softer = own.velocity[:, lane] / np.maximum(like.velocity[:, to], np.float32(LEAST_VELOCITY))
            touched[:, lane], moved[:, lane] = softer * velocity[:, to], offset[:, to]
    return touched, moved


def _mixed(
    own: Pattern, like: Pattern, note: np.ndarray, velocity: np.ndarray, offset: np.ndarray, how: _How, record: Mapping[str, Any]
) -> Pattern:
    """What was made, with as much of the player's own as the amounts leave."""
    old = own.hits & note
    share = np.where(old, np.float32(how.amount_velocity), 1)
    touched = np.clip(np.rint(127 * ((1 - share) * own.velocity + share * velocity)), 1, 127) / np.float32(127)
    late = (1 - how.amount_timing) * np.where(old, own.offset, 0) + how.amount_timing * offset
    moved = np.clip(np.rint(HALF_STEP_TICKS * late), -HALF_STEP_TICKS, HALF_STEP_TICKS - 1) / np.float32(HALF_STEP_TICKS)
    # What nobody asked to be changed is not rounded either.
    same = (how.amount_velocity == 0) | (velocity == own.velocity)
    touched = np.where(old & same, own.velocity, np.maximum(touched, np.float32(LEAST_VELOCITY)))
    moved = np.where(old & ((how.amount_timing == 0) | (offset == own.offset)), own.offset, moved)
    part = slice(0, like.steps)
    return replace(
        like,
        hits=note[part],
        velocity=np.where(note, touched, 0).astype(np.float32)[part],
        offset=np.where(note, moved, 0).astype(np.float32)[part],
        provenance=record,
    )


def _check_number(what: str, number: int, most: int, of: str) -> None:
    if not (is_whole(number) and 1 <= number <= most):
        raise InputError(what, rule=f"1 to {most:,} {of}", found=f"{number}", remedy="choose a number in that range")


def _label(mix: Mapping[str, float]) -> str:
    return "+".join(mix)
