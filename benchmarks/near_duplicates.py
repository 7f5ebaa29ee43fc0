"""How many planted near-copies are found, and how much of what is found is planted.

Usage: python benchmarks/near_duplicates.py FILE [--copies 2000] [--seed 7]

Takes a file of papers (title, abstract, primary_category), plants copies of some of them (edited
titles, reworded sentences, other LaTeX, all three at once), and prints for several similarities
recall, and precision as the share of groups with a planted copy in them that hold nothing else than
one paper and its copies. What else is in a group is printed with its similarity, since real papers
have real near-copies. Then it prepares all of it and counts planted pairs across the split.
"""

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from classmark.datasets import DocumentSource, PreparationRecipe, prepare
from classmark.documents import Document, NearDuplicates, QualityRules, clean, read_documents

WORDS = (
    "we",
    "show",
    "that",
    "this",
    "new",
    "method",
    "can",
    "be",
    "used",
    "with",
    "some",
    "other",
)


def edited_title(document: Document, chance: random.Random) -> tuple[str, str]:
    """Another wording of the title, the same abstract."""
    words = document.title.split()
    words[chance.randrange(len(words))] = chance.choice(WORDS)
    title = f"{chance.choice(['On', 'Towards', 'A note on', 'Revisiting'])} {' '.join(words)}"
    return title, document.text[len(document.title) :]


def reworded(document: Document, chance: random.Random) -> tuple[str, str]:
    """Half of the words changed in a fifth of the sentences; of under five, a fifth of one."""
    sentences = document.text[len(document.title) :].split(". ")
    share = 0.5 if len(sentences) >= 5 else 0.2
    for place in chance.sample(range(len(sentences)), max(1, len(sentences) // 5)):
        words = sentences[place].split()
        for word in chance.sample(range(len(words)), round(len(words) * share)):
            words[word] = chance.choice(WORDS)
        sentences[place] = " ".join(words)
    return document.title, ". ".join(sentences)


def other_latex(document: Document, chance: random.Random) -> tuple[str, str]:
    """The same words set otherwise: emphasis, accents, mathematics, citations."""
    words = document.text[len(document.title) :].split()
    for place in chance.sample(range(len(words)), len(words) // 12):
        marks = (r"\emph{{{}}}", r"{{\bf {}}}", r"{} $x_{{i}}$", r"{}~\cite{{a1}}", r"``{}''")
        words[place] = chance.choice(marks).format(words[place])
    return document.title, " ".join(words)


def all_at_once(document: Document, chance: random.Random) -> tuple[str, str]:
    """Title, a sentence and the LaTeX changed."""
    title, abstract = edited_title(document, chance)
    _, abstract = reworded(Document("", title + abstract, title=title), chance)
    _, abstract = other_latex(Document("", title + " " + abstract, title=title), chance)
    return title, abstract


KINDS: dict[str, Callable[[Document, random.Random], tuple[str, str]]] = {
    "edited title": edited_title,
    "reworded sentences": reworded,
    "other LaTeX": other_latex,
    "all at once": all_at_once,
}


def planted(originals: list[Document], chance: random.Random) -> list[tuple[str, Document]]:
    """A copy of each original, the kinds in turn; its id names the original."""
    copies = []
    for number, original in enumerate(originals):
        kind = list(KINDS)[number % len(KINDS)]
        title, abstract = KINDS[kind](original, chance)
        text = f"{title}. {abstract.lstrip('. ')}"
        copies.append((kind, Document(f"{original.id}-copy", text, original.label, title)))
    return copies


def report(
    documents: list[Document], copies: list[tuple[str, Document]], similarities: list[float]
) -> None:
    """Print recall and precision for each similarity."""
    near = NearDuplicates()
    everything = [*documents, *(copy for _, copy in copies)]
    for document in everything:
        near.add(clean(document.text))
    of_kind = Counter(kind for kind, _ in copies)
    print("similarity | " + " | ".join(KINDS) + " | recall | precision")
    for similarity in similarities:
        groups = near.groups(similarity).tolist()
        members = defaultdict(list)
        for document, group in zip(everything, groups, strict=True):
            members[group].append(document)
        group_of = {d.id: group for d, group in zip(everything, groups, strict=True)}
        found = {
            copy.id: kind
            for kind, copy in copies
            if group_of[copy.id] == group_of[copy.id.removesuffix("-copy")]
        }
        shares = Counter(found.values())
        touched = {group_of[copy.id] for _, copy in copies if copy.id in found}
        pure = sum(
            len({d.id.removesuffix("-copy") for d in members[group]}) == 1 for group in touched
        )
        kinds = " | ".join(f"{shares[kind] / of_kind[kind]:.4f}" for kind in KINDS)
        recall, precision = len(found) / len(copies), pure / max(1, len(touched))
        print(f"{similarity} | {kinds} | {recall:.4f} | {precision:.4f}")


def straddling(documents: list[Document], copies: list[tuple[str, Document]]) -> None:
    """Prepare everything and count planted pairs across the split."""
    source = DocumentSource([*documents, *(copy for _, copy in copies)], {"name": "planted"})
    recipe = PreparationRecipe(rules=QualityRules(min_words=0))
    dataset = prepare("planted", source, recipe, now=datetime.now(UTC))
    part_of = {d.id: part for part, rows in dataset.parts.items() for d in rows}
    pairs = [
        (copy.id, copy.id.removesuffix("-copy"))
        for _, copy in copies
        if copy.id in part_of and copy.id.removesuffix("-copy") in part_of
    ]
    across = [pair for pair in pairs if part_of[pair[0]] != part_of[pair[1]]]
    print(f"\n{len(pairs)} planted pairs are in the dataset, {len(across)} across its split")
    print("dropped:", dict(dataset.dropped), "sizes:", dataset.sizes())


def main() -> None:
    """Plant, look for, prepare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--copies", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    documents, titles = [], set()
    for document in islice(read_documents(arguments.file), 0, None, 2):
        if document.title.casefold() not in titles and len(document.text.split()) >= 50:
            titles.add(document.title.casefold())
            documents.append(document)
    documents = chance.sample(documents, min(arguments.rows, len(documents)))
    copies = planted(documents[: arguments.copies], chance)
    print(f"{len(documents)} papers, {len(copies)} planted copies\n")
    report(documents, copies, [0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9])
    straddling(documents, copies)


if __name__ == "__main__":
    main()
