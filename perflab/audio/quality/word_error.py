"""Words wrong, missing and added, counted against what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from perflab.errors import StatisticError

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d")
_DIGITS = {"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven",
           "8": "eight", "9": "nine"}  # fmt: skip


@dataclass(frozen=True)
class WordErrors:
    """`wrong` of `words` that were said: the least number of words to replace, remove and insert."""

    wrong: int
    words: int

    @property
    def rate(self) -> float:
        """The word error rate: wrong per word said, above 1 where more was heard than said."""
        return self.wrong / self.words

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(self.wrong + other.wrong, self.words + other.words)


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are spoken: lower case, without marks, digit by digit in words."""
    return [_DIGITS.get(word, word) for word in _WORD.findall(text.lower())]


def word_errors(said: str, heard: str) -> WordErrors:
    """Return the errors of `heard` against `said`; raises StatisticError where nothing was said.

    The edit distance between the two rows of words (Levenshtein 1966), each change counting one.
    """
    wanted, got = words_of(said), words_of(heard)
    if not wanted:
        raise StatisticError("Nothing was said", "a text with at least one word")
    row = list(range(len(got) + 1))
    for number, word in enumerate(wanted, 1):
        before, row[0] = row[0], number
        for at, other in enumerate(got, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (word != other))
    return WordErrors(row[-1], len(wanted))


def total(errors: Iterable[WordErrors]) -> WordErrors:
    """Return the errors of many texts together: by words, so that a long text weighs more than a short one."""
    return sum(errors, WordErrors(0, 0))
