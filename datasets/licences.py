"""What a licence is called, and which licences a filter lets through.

Every source writes licences its own way ("CC BY-SA 4.0", "CC (by-sa)", "GPL-2.0-or-later (repository default)"). One table turns
them into ids in the manner of SPDX, lower case, without a version where none is stated: `cc-by-sa-4.0`, `gpl-2.0-or-later`.
What the table does not know whole stays itself, marked `licenseref-…` as SPDX does, and no family lets it through:
"CC BY 4.0, non-commercial use only" must never pass for CC BY.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

UNKNOWN = "unknown"
"""The id of a licence that nobody stated."""

# The whole text must match, after it was brought to lower case with single hyphens between words. `v` is the version.
_VERSION = r"(?:-version)?(?:-?v?(?P<v>\d+(?:\.\d+)*))?"
_CC = r"(?:cc|creative-commons)(?:-licen[cs]e)?-"
_BY, _NC, _SA, _ND = "(?:by|attribution)", "(?:nc|non-?commercial)", "(?:sa|share-?alike)", "(?:nd|no-?deriv(?:ative)?s?)"
_END = r"(?:-(?:international|unported|generic|universal))?(?:-(?:public-)?licen[cs]e)?"
_TABLE = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (rf"(?:cc-?0|{_CC}zero){_VERSION}{_END}", "cc0"),
        (rf"{_CC}{_BY}-{_NC}-{_SA}{_VERSION}{_END}", "cc-by-nc-sa"),
        (rf"{_CC}{_BY}-{_NC}-{_ND}{_VERSION}{_END}", "cc-by-nc-nd"),
        (rf"{_CC}{_BY}-{_NC}{_VERSION}{_END}", "cc-by-nc"),
        (rf"{_CC}{_BY}-{_SA}{_VERSION}{_END}", "cc-by-sa"),
        (rf"{_CC}{_BY}-{_ND}{_VERSION}{_END}", "cc-by-nd"),
        (rf"{_CC}{_BY}{_VERSION}{_END}", "cc-by"),
        (r"bsd-(?P<v>\d)-clause(?:-licen[cs]e)?|(?P<w>\d)-clause-bsd(?:-licen[cs]e)?", "bsd-clause"),
        (r"bsd(?:-licen[cs]e)?", "bsd"),
        (r"(?:the-)?(?:mit|expat)(?:-licen[cs]e)?", "mit"),
        (r"isc(?:-licen[cs]e)?", "isc"),
        (r"(?:the-)?unlicense", "unlicense"),
        (r"public-domain|pd", "public-domain"),
        (rf"apache(?:-licen[cs]e)?{_VERSION}", "apache"),
        (rf"artistic(?:-licen[cs]e)?{_VERSION}", "artistic"),
        (rf"(?:mpl|mozilla-public-licen[cs]e){_VERSION}", "mpl"),
        (rf"(?:gnu-)?(?P<g>l?gpl|agpl){_VERSION}(?:-licen[cs]e)?(?P<e>-or-later|\+|-only)?", "gpl"),
        (r"unknown|none|n-a", UNKNOWN),
    )
)
# A remark in brackets says nothing about the terms unless one of these words stands in it: "CC (by-sa)", "BSD (non-commercial)".
_TERMS = re.compile(r"\b(?:by|nc|nd|sa|non|no|not|only|except|commercial|share|deriv\w*)\b")
_REMARK = re.compile(r"\s*\(([^()]*)\)\s*$")
# "no entry in LICENSES.TXT" is said of a list, not of the terms.
_WHERE = re.compile(r"repository default(?:; no entry in \S+)?")
_LONGEST = 64


def licence_id(text: str | None) -> str:
    """The id of a licence as written: `cc-by-sa-4.0`, `bsd`; `unknown` for nothing, `licenseref-…` for what is not in the table.

    An id is its own id.

    Source: SPDX's short names in lower case, with the version left out where none is stated (our decision).
    """
    lower = " ".join((text or "").lower().split())
    remark = _REMARK.search(lower)
    if remark and (not _TERMS.search(remark[1]) or _WHERE.fullmatch(remark[1])):
        lower = lower[: remark.start()]
    words = re.sub(r"[\s_()/,;:-]+", "-", lower).strip("-")
    if not words:
        return UNKNOWN
    for pattern, name in _TABLE:
        if match := pattern.fullmatch(words):
            return _spelt(name, match.groupdict())
    slug = re.sub(r"[^a-z0-9.+]+", "-", words).strip("-").removeprefix("licenseref-")[:_LONGEST].strip("-")
    return f"licenseref-{slug}" if slug else UNKNOWN


def _spelt(name: str, found: dict[str, str | None]) -> str:
    version = found.get("v") or found.get("w")
    if name == "bsd-clause":
        return f"bsd-{version}-clause"
    if name == "gpl":
        name = found.get("g") or "gpl"
        version = f"{version}.0" if version and "." not in version else version
        ending = {"+": "-or-later", None: ""}.get(found["e"], found["e"])
        return f"{name}-{version}{ending}" if version else name
    return f"{name}-{version}" if version else name


def admits(allowed: Sequence[str], licence: str) -> bool:
    """Whether a filter lets a licence through: one of its entries is the licence itself, or its family without a version.

    `cc-by` lets through `cc-by` and `cc-by-4.0`, and neither `cc-by-sa` nor `cc-by-nc-4.0`; `bsd` lets through `bsd-3-clause`;
    `gpl` lets through `gpl-2.0-or-later`, not `lgpl-2.1`.

    Args:
      allowed: licences in any spelling that `licence_id` reads; empty lets everything through.
      licence: an id that `licence_id` gave.
    """
    return not allowed or any(
        licence == entry or re.fullmatch(rf"{re.escape(entry)}-\d+(?:\.\d+)*(?:-clause|-or-later|-only)?", licence)
        for entry in map(licence_id, allowed)
    )
