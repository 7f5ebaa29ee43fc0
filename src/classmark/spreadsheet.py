"""Cells of a CSV file that somebody will open in a spreadsheet."""


def safe_cell(value: object) -> object:
    """The value; what a spreadsheet would run as a formula is quoted (OWASP: CSV injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
