"""Parts of sentences: names that may have been meant, counts, articles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")

_SPELLED_WITH_A_VOWEL = re.compile(r"[AEFHILMNORSX](?:[A-Z]|$)|ndarray")
"""Names whose first letter is spoken as a letter that begins with a vowel: LSTM, ndarray."""

_SPOKEN_WITH_A_CONSONANT = re.compile(r"[uU](?:ni|int|ser|til)|[oO]n(?:e|ce)")


def nearest(wanted: str, known: Iterable[str], *, most: int = 5, cutoff: float = 0.5) -> list[str]:
    """Return the names that may have been meant, best first, letters' case ignored.

    Names that contain the wanted one as words of their own come first ("tiger cat" for "cat"),
    then the nearest by spelling.

    Parameters
    ----------
    wanted
        The name that isn't there.
    known
        Those that are.
    most
        How many at most.
    cutoff
        How alike the spelling must be, 0 to 1.
    """
    from difflib import get_close_matches

    names = list(dict.fromkeys(known))
    words = _words(wanted)
    found = [name for name in names if words.strip() and words in _words(name)]
    found.sort(key=len)
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(name.casefold(), []).append(name)
    for close in get_close_matches(wanted.casefold(), folded, n=most, cutoff=cutoff):
        found.extend(folded[close])
    return list(dict.fromkeys(found))[:most]


def suggestion(
    wanted: str, known: Iterable[str], otherwise: str, *, most: int = 5, cutoff: float = 0.5
) -> str:
    """Return what a sentence about an unknown name ends with, see `nearest`.

    Parameters
    ----------
    wanted, known, most, cutoff
        As for `nearest`.
    otherwise
        What introduces the first of the known names where none is near.
    """
    names = list(known)
    close = nearest(wanted, names, most=most, cutoff=cutoff)
    what = otherwise
    if close:
        what = "the closest name is" if len(close) == 1 else "the closest names are"
    return f"{what} {', '.join(map(repr, close or names[:most]))}"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things: "1 sample", "2 samples"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def with_article(name: str) -> str:
    """Return a name behind its indefinite article: "an int", "a str", "an LSTM"."""
    vowel = name[:1] in set("aeiouAEIOU") and not _SPOKEN_WITH_A_CONSONANT.match(name)
    return f"{'an' if vowel or _SPELLED_WITH_A_VOWEL.match(name) else 'a'} {name}"


def _words(name: str) -> str:
    """Return the words of a name between spaces, in lower case."""
    return f" {' '.join(_WORD.findall(name.casefold()))} "
