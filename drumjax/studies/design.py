"""Who hears what in which order: balanced sessions, drawn from a seed.

Source: Off the Beaten Track, Sec. "Identification experiment" and "Robot experiment". The paper gives the counts (nine transitions,
18 straight and mixed pairs, sessions of one practice pair and six others, six segments "distributed evenly over the subject
population"); how sessions are balanced is our decision and stands with each function. Grooves: PocketVAE, Sec. 4.1, which gives the
two types of questions and ten of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

from drumjax.synth.dice import Dice

T = TypeVar("T")

GENRES = 3
PATTERNS_EACH = 3
SEGMENTS = 6
MOST_SUBJECTS = 1_000
GROOVES_EACH = 10
"""Questions of each of the two types in a session on grooves."""
GROOVES = 2 * GROOVES_EACH
_SESSIONS, _SHIFT, _PATTERNS, _ROBOT, _QUESTIONS, _PLACES, _TRACKS, _GROOVES = range(8)
"""What a stream of random choices is for: each has one of its own, so that none depends on how much another draws."""

Kind = Literal["straight", "mixed"]


class Transition(NamedTuple):
    """From one pattern to another; a pattern is (genre, which of the genre's three), both from 0."""

    start: tuple[int, int]
    goal: tuple[int, int]


class Pair(NamedTuple):
    """An interpolation beside a crossfade, each by the index of its transition; one and the same for a straight pair."""

    kind: Kind
    interpolation: int
    crossfade: int


class Trial(NamedTuple):
    """A pair as one listener hears it.

    Attributes:
      pair: index into `pairs`.
      interpolation_first: whether the interpolation is the first of the two.
    """

    pair: int
    interpolation_first: bool


class Session(NamedTuple):
    """What one listener of the identification experiment hears: a practice pair, then three straight and three mixed ones."""

    practice: Trial
    trials: tuple[Trial, ...]


class Judgement(NamedTuple):
    """A question on grooves.

    Attributes:
      groove: which of the study's `GROOVES`; the first ten are heard alone ("human or AI"), the others in pairs ("preference").
      ai: whether what is heard alone is the model's; of a pair, whether the first is.
    """

    groove: int
    ai: bool


def shuffled(items: Sequence[T], dice: Dice) -> list[T]:
    """The items in a random order, all orders equally likely."""
    order = list(items)
    for last in range(len(order) - 1, 0, -1):
        other = dice.below(last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def transitions() -> tuple[Transition, ...]:
    """The nine: each ordered pair of the three genres, and each genre to itself; transition 3 a + b leads from genre a to genre b.

    Each of the nine patterns is the start of one transition and the goal of one other, and none leads to itself (our decision).
    """
    return tuple(Transition((a, b), (b, (a + 1) % PATTERNS_EACH)) for a in range(GENRES) for b in range(GENRES))


def pairs(seed: int) -> tuple[Pair, ...]:
    """The 18 pairs, straight ones first.

    Straight pair t sets the interpolation of transition t beside its crossfade. Mixed pair t sets it beside the crossfade of a
    transition between other genres at both ends; which, the seed decides: one genre on at the start and two at the goal, or the
    other way round. Either way the mixed pairs hold every crossfade once.
    """
    shift = Dice(seed, _SHIFT).one((1, 2))
    mixed = [3 * ((a + shift) % GENRES) + (b - shift) % GENRES for a in range(GENRES) for b in range(GENRES)]
    return (*(Pair("straight", t, t) for t in range(9)), *(Pair("mixed", t, other) for t, other in enumerate(mixed)))


def sessions(subjects: int, seed: int) -> tuple[Session, ...]:
    """The sessions of listeners 1, 2, …, of the identification experiment.

    The nine transitions fall into three sets of three; a set has every genre once as a start and once as a goal, and one transition
    within a genre. A listener hears the straight pairs of one set, the mixed pairs of another, and practises with a straight pair
    of the third: no sound is heard twice in a session. Hence (our decision, all of it):

    - any three listeners in a row from the first on (1 to 3, 4 to 6, …) hear each of the 18 pairs once, not counting practice; with
      any number of listeners no pair is heard more than once more than any other;
    - in every session three pairs have the interpolation first; over six listeners each pair has it first once and second once;
    - at every position of a session, the practice pair's included, half of the listeners have the interpolation first; of an odd
      number one more or one less;
    - over six listeners each set of straight pairs meets each other set of mixed ones once; over 18 every straight pair serves
      twice as practice;
    - the order of the six pairs is drawn for each listener, as far as that leaves free.

    Raises:
      ValueError: fewer than 1 or more than 1,000 listeners.
    """
    _check_subjects(subjects)
    dice = Dice(seed, _SESSIONS)
    # Transition (a, b) is in set a + b mod 3. A mixed pair's two transitions lie in one set: their shifts cancel.
    members = [shuffled([3 * a + (c - a) % GENRES for a in range(GENRES)], dice) for c in range(GENRES)]
    places = [shuffled(range(GENRES), dice) for _ in range(GENRES)]
    turned = dice.chance(0.5)
    # Of three pairs which have the interpolation first, block by block: two lines that follow each other are each other's reverse.
    firsts = ((1, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 0, 1), (0, 1, 0))
    made: list[Session] = []
    order: list[bool] = []
    for block in range(-(-subjects // GENRES)):
        sets = shuffled(range(GENRES), dice)
        for place in range(GENRES):
            straight = sets[place]
            mixed = (straight + 1 + block % 2) % GENRES
            other = GENRES - straight - mixed
            line = block ^ turned
            trials = [
                Trial(9 * is_mixed + transition, bool(firsts[(line ^ is_mixed) % 6][spot]))
                for is_mixed, chosen in ((0, straight), (1, mixed))
                for transition, spot in zip(members[chosen], places[chosen], strict=True)
            ]
            if len(made) % 2 == 0:
                order = [dice.chance(0.5), *shuffled([True] * GENRES + [False] * GENRES, dice)]
            else:
                # What the last listener heard first, this one hears second, position by position.
                order = [not first for first in order]
            practice = Trial(members[other][(block // 2) % GENRES], order[0])
            made.append(Session(practice, _in_order(shuffled(trials, dice), order[1:])))
    return tuple(made[:subjects])


def _in_order(trials: Sequence[Trial], interpolation_first: Sequence[bool]) -> tuple[Trial, ...]:
    """The trials so ordered that those with the interpolation first stand where it is to be; among themselves they keep their
    order."""
    waiting = {first: iter([trial for trial in trials if trial.interpolation_first == first]) for first in (True, False)}
    return tuple(next(waiting[first]) for first in interpolation_first)


def segments_heard(subjects: int, seed: int) -> tuple[int, ...]:
    """Which of the six segments each listener of the robot experiment hears: each once in any six listeners in a row from the
    first.

    Raises:
      ValueError: fewer than 1 or more than 1,000 listeners.
    """
    _check_subjects(subjects)
    dice = Dice(seed, _ROBOT)
    rounds = [shuffled(range(SEGMENTS), dice) for _ in range(-(-subjects // SEGMENTS))]
    return tuple([segment for each in rounds for segment in each][:subjects])


def judgements(subjects: int, seed: int) -> tuple[tuple[Judgement, ...], ...]:
    """What each listener of the experiment on grooves is asked: ten of "human or AI", then ten of "preference".

    In every session five of the first ten are the model's, and in five of the pairs the model comes first; what one listener hears
    as the model's the next one hears as the human's, and the other way round (1 and 2, 3 and 4, …). The order within a type is
    drawn for each listener. All of it is our decision.

    Raises:
      ValueError: fewer than 1 or more than 1,000 listeners.
    """
    _check_subjects(subjects)
    dice = Dice(seed, _GROOVES)
    made: list[tuple[Judgement, ...]] = []
    of_ai: list[set[int]] = []
    every = [range(GROOVES_EACH), range(GROOVES_EACH, GROOVES)]
    for subject in range(subjects):
        halves = [set(shuffled(type_, dice)[: GROOVES_EACH // 2]) for type_ in every]
        of_ai = [set(type_) - half for type_, half in zip(every, of_ai, strict=True)] if subject % 2 else halves
        asked = [[Judgement(i, i in half) for i in shuffled(type_, dice)] for type_, half in zip(every, of_ai, strict=True)]
        made.append((*asked[0], *asked[1]))
    return tuple(made)


def tracks_heard(groups: Sequence[str], seed: int) -> tuple[int, ...]:
    """Twenty windows of as many tracks, as indices; depends on the tracks' names, not on the order of the tracks.

    Args:
      groups: the track that each window is of.
      seed: of the choice.

    Raises:
      ValueError: fewer than twenty tracks.
    """
    names = sorted(set(groups))
    if len(names) < GROOVES:
        raise ValueError(f"expected at least {GROOVES} tracks, found {len(names)}")
    dice = Dice(seed, _TRACKS)
    windows = {name: [i for i, group in enumerate(groups) if group == name] for name in shuffled(names, dice)[:GROOVES]}
    return tuple(of[dice.below(len(of))] for of in windows.values())


def question_orders(items: Sequence[str], subjects: int, seed: int, stream: int) -> tuple[tuple[str, ...], ...]:
    """For each listener the questions in an order of its own (the paper names none; `stream` tells one questionnaire's from
    another's).

    Raises:
      ValueError: fewer than 1 or more than 1,000 listeners.
    """
    _check_subjects(subjects)
    dice = Dice(seed, _QUESTIONS, stream)
    return tuple(tuple(shuffled(items, dice)) for _ in range(subjects))


def chosen(names: Sequence[str], genre: int, seed: int) -> tuple[int, ...]:
    """Three different of a genre's patterns, as indices into their names; depends on the names, not on their order.

    Raises:
      ValueError: fewer than three patterns.
    """
    if len(names) < PATTERNS_EACH:
        raise ValueError(f"expected at least {PATTERNS_EACH} patterns of each genre, found {len(names)}")
    order = sorted(range(len(names)), key=names.__getitem__)
    return tuple(shuffled(order, Dice(seed, _PATTERNS, genre))[:PATTERNS_EACH])


def segment_starts(measures: int, segment_bars: int, seed: int) -> tuple[int, ...]:
    """Where the robot experiment's six segments begin, in bars of the performance.

    A segment is half a measure (2 bars) to lead in, whole measures, and half a measure to lead out, so it begins in the middle of a
    measure. The performance falls into six equal stretches; in each of them a segment has a place that the seed decides, so that
    none overlap.

    Args:
      measures: of the performance, 4 bars each (the paper's has 128).
      segment_bars: the length of a segment, a multiple of 4: 40 = 2 + 9 · 4 + 2 (default), or 60, the paper's other figure.
      seed: of the places.

    Raises:
      ValueError: a length that is no multiple of 4, under 8 bars, or too long for six of them.
    """
    if segment_bars % 4 or segment_bars < 8:
        raise ValueError(f"expected a segment of a multiple of 4 bars, at least 8, found {segment_bars}")
    touched = segment_bars // 4 + 1
    stretch = measures // SEGMENTS
    if touched > stretch:
        raise ValueError(f"expected a segment of at most {4 * (stretch - 1)} bars of {measures} measures, found {segment_bars}")
    dice = Dice(seed, _PLACES)
    return tuple(4 * (measures * i // SEGMENTS + dice.below(stretch - touched + 1)) + 2 for i in range(SEGMENTS))


def opaque(seed: int, *what: object) -> str:
    """A name that says nothing of what it names: 10 hexadecimal digits, the same for the same seed and thing."""
    text = "/".join(map(str, (seed, *what)))
    return hashlib.blake2b(text.encode(), digest_size=5, person=b"drumjax study").hexdigest()


def _check_subjects(subjects: int) -> None:
    if not 1 <= subjects <= MOST_SUBJECTS:
        raise ValueError(f"expected 1 to {MOST_SUBJECTS:,} subjects, found {subjects:,}")
