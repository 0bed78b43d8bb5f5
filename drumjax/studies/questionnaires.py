"""The two questionnaires: CPAM for a tool and what it makes, Godspeed for an algorithmic drummer.

Sources: Off the Beaten Track, Sec. "Task experiment" and "Robot experiment": factors, facets, anchors and the number of points are
the paper's, its results stand beside them. It took them from S. P. Besemer and K. O'Quin's creative product analysis model and
from C. Bartneck et al., "Measurement instruments for the anthropomorphism, animacy, likeability, perceived intelligence, and
perceived safety of robots" (Godspeed), of which it uses three and three items.
"""

from __future__ import annotations

from typing import NamedTuple


class Facet(NamedTuple):
    """One scale between two words.

    Attributes:
      name: in files.
      factor: what it is a facet of.
      low: the word at 1.
      high: the word at the other end.
      meaning: what it asks, in the paper's words; "" where the paper gives none.
      paper_mean: the mean that the paper reports, None where it reports none.
      paper_median: likewise.
    """

    name: str
    factor: str
    low: str
    high: str
    meaning: str
    paper_mean: float | None
    paper_median: float | None


class Questionnaire(NamedTuple):
    """A set of scales that is answered as a whole.

    Attributes:
      experiment: "task" or "robot", its name in files.
      title: for people.
      points: answers are whole numbers from 1 to this.
      facets: in the paper's order.
      paper_n: how many answered in the paper's Fig. 7.
    """

    experiment: str
    title: str
    points: int
    facets: tuple[Facet, ...]
    paper_n: int

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors in the order of their first facets."""
        return tuple(dict.fromkeys(facet.factor for facet in self.facets))


CPAM = Questionnaire(
    experiment="task",
    title="Creative product analysis (CPAM)",
    points=7,
    facets=(
        Facet(
            "originality",
            "Novelty",
            "Conventional",
            "Original",
            "how much the product is unusual or infrequently seen in a universe of products made by people with similar experience "
            "and training",
            6.13,
            6,
        ),
        Facet(
            "surprise",
            "Novelty",
            "Usual",
            "Unusual",
            "how much the product presents unexpected or unanticipated information to the user, listener, or viewer",
            5.94,
            6,
        ),
        Facet(
            "logicality",
            "Resolution",
            "Illogical",
            "Logical",
            "whether the product or solution follows the acceptable and understood rules for the discipline",
            6.0,
            6,
        ),
        Facet(
            "usefulness",
            "Resolution",
            "Useless",
            "Useful",
            "whether the product has clear and practical applications",
            6.13,
            6,
        ),
        Facet(
            "value",
            "Resolution",
            "Worthless",
            "Valuable",
            "whether the product is judged worthy because it fills a financial, physical, social or psychological need",
            6.5,
            7,
        ),
        Facet(
            "understandability",
            "Resolution",
            "Mystifying",
            "Understandable",
            "whether the product is presented in a communicative, self-disclosing way, which is “user friendly”",
            5.8,
            6,
        ),
        Facet(
            "organicness",
            "Style",
            "Disparate",
            "Organic",
            "whether the product has a harmonious sense of wholeness or completeness about it",
            5.82,
            6,
        ),
        Facet(
            "well-craftedness",
            "Style",
            "Clumsy",
            "Well-crafted",
            "whether the product has been worked and reworked with care to develop it to its highest possible level for this point "
            "in time",
            6.06,
            6,
        ),
        Facet(
            "elegance",
            "Style",
            "Messy",
            "Elegant",
            "whether the product shows a solution that is expressed in a refined, understated way",
            5.88,
            6,
        ),
    ),
    paper_n=16,
)

GODSPEED = Questionnaire(
    experiment="robot",
    title="Godspeed: animacy and perceived intelligence",
    points=5,
    facets=(
        Facet("lively", "Animacy", "Stagnant", "Lively", "", 3.89, 4),
        Facet("organic", "Animacy", "Mechanical", "Organic", "", 3.45, 4),
        Facet("lifelike", "Animacy", "Artificial", "Lifelike", "", 3.13, 3),
        Facet("competent", "Perceived Intelligence", "Incompetent", "Competent", "", 4.24, 4),
        Facet("knowledgeable", "Perceived Intelligence", "Ignorant", "Knowledgeable", "", 3.95, 4),
        Facet("intelligent", "Perceived Intelligence", "Unintelligent", "Intelligent", "", 3.84, 4),
    ),
    paper_n=38,
)

QUESTIONNAIRES = {each.experiment: each for each in (CPAM, GODSPEED)}
