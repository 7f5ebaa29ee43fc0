"""Tables: columns that are understood, rows that are split, features that are fitted on train."""
