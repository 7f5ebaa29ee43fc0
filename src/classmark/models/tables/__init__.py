"""Families that learn tables: beside those for texts, under a contract as like theirs as can be."""
