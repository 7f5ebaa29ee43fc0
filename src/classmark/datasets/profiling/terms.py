"""Which words set a class apart: log-odds with an informative Dirichlet prior, in bounded memory.

After Monroe, Colaresi and Quinn (2008), Fightin' Words, equations 15 to 22. A word is counted once
a document, so that a single text that says it a hundred times does not decide.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import nlargest
from math import log, sqrt
from sys import intern

from classmark.datasets.profiling.profile import Term, Vocabulary

_WORD = re.compile(r"[^\W\d_]\w*(?:['\u2019-]\w+)*")
_LONGEST_WORD = 40
# Of a text as long as a book, the beginning tells what it is about.
_CHARACTERS_READ = 1_000_000
# What the prior weighs: as much as a few documents, and never more than a tenth of all words.
_PRIOR_WORDS = 500.0
_PRIOR_SHARE = 0.1
# What stands out by chance among thousands of words lies below this many standard deviations.
_LEAST_Z = 3.0
_ENGLISH_STOP_WORDS = """
a about above after again against all also although am an and another any are as at be because been
before being below between both but by can cannot could did do does doing don down due during each
either etc even few first for from further had has have having he hence her here hers him his how
however i if in into is it its itself just least less let many may me might more most much must my
neither nor no not now of off often on once one only onto or other others our ours out over own per
rather same second shall she should since so some such than that the their theirs them then there
therefore these they this those though through thus to too towards two under until up upon us use
used using very via was we well were what when where whether which while who whom whose why will
with within without would yet you your yours
"""
_STOP_WORDS = frozenset(_ENGLISH_STOP_WORDS.split())


class TermCounts:
    """In how many documents of which class each word stands.

    Args:
        most_entries: Pairs of class and word in memory at most; beyond, the rarest are given up.
    """

    def __init__(self, most_entries: int = 1_500_000) -> None:
        self._most = most_entries
        self._floor = 0
        self._overall: Counter[str] = Counter()
        self._unlabelled: Counter[str] = Counter()
        self._by_class: dict[str, Counter[str]] = {}
        self._documents: Counter[str] = Counter()
        self._read = 0
        self._labelled = 0

    def add(self, text: str, classes: Iterable[str]) -> None:
        """Count the words of a text in each of its classes."""
        words = set(map(intern, _words(text)))
        self._overall.update(words)
        self._read += 1
        labels = tuple(classes)
        for label in labels:
            self._by_class.setdefault(label, Counter()).update(words)
            self._documents[label] += 1
        if labels:
            self._labelled += 1
        else:
            # Nobody knows where these belong: they are compared with no class.
            self._unlabelled.update(words)
        if self._read % 256 == 0:
            self._give_up_the_rarest()

    def vocabulary(self) -> Vocabulary:
        """How many different words there are."""
        return Vocabulary(len(self._overall), whole=self._floor == 0)

    def top(self, label: str, count: int) -> tuple[Term, ...]:
        """The words that set a class apart from all others, the most telling first.

        Empty if nothing stands out, or if there is no other class.
        """
        return tuple(nlargest(count, self._telling(label), key=lambda term: (term.z, term.word)))

    def _telling(self, label: str) -> Iterator[Term]:
        here = self._by_class.get(label, Counter())
        inside, elsewhere = self._documents[label], self._labelled - self._documents[label]
        words_here = here.total()
        words_there = self._overall.total() - self._unlabelled.total() - words_here
        if elsewhere <= 0 or words_there <= 0:
            return
        all_words = words_here + words_there
        weight = min(_PRIOR_WORDS, _PRIOR_SHARE * all_words)
        for word, count in here.items():
            if count < 2 or len(word) < 2 or word in _STOP_WORDS:
                continue
            there = self._overall[word] - self._unlabelled[word] - count
            if count + there == all_words:
                # The only word that there is sets nothing apart.
                continue
            prior = weight * (count + there) / all_words
            z = _z_score((count, words_here + weight), (there, words_there + weight), prior)
            if z >= _LEAST_Z:
                yield Term(word, z, count / inside, there / elsewhere)

    def _give_up_the_rarest(self) -> None:
        everywhere = (self._overall, self._unlabelled, *self._by_class.values())
        while sum(map(len, everywhere)) > self._most:
            self._floor += 1
            for counts in everywhere:
                for word in [word for word, count in counts.items() if count <= self._floor]:
                    del counts[word]


def _words(text: str) -> Iterator[str]:
    found: list[str] = _WORD.findall(text[:_CHARACTERS_READ].casefold())
    return (word for word in found if len(word) <= _LONGEST_WORD)


def _z_score(here: tuple[int, float], there: tuple[int, float], prior: float) -> float:
    """How far a word's log-odds in one place lie above those in the other.

    Args:
        here: How often the word stands there, and how many words do in all, with the prior.
        there: The same of the other place.
        prior: The word's part of the prior.
    """
    one, other = here[0] + prior, there[0] + prior
    difference = log(one / (here[1] - one)) - log(other / (there[1] - other))
    return difference / sqrt(1 / one + 1 / other)
