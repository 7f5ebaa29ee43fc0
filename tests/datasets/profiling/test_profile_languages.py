"""Languages are told by a real detector."""

from classmark.datasets import language_counter

ENGLISH = "The query planner chooses the order in which the tables are joined."
GERMAN = "Der Planer wählt die Reihenfolge, in der die Tabellen verbunden werden."


def test_languages_are_counted_the_most_frequent_first() -> None:
    found = language_counter()([GERMAN, ENGLISH, ENGLISH, "12 %"])
    assert list(found.items()) == [("English", 2), ("German", 1), ("unknown", 1)]


def test_of_no_texts_there_are_no_languages() -> None:
    assert language_counter()([]) == {}
