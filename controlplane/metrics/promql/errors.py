"""What can go wrong with a query: it cannot be read (with the place), or it cannot be answered (with the reason)."""

from __future__ import annotations


class PromQLError(Exception):
    """A query that is not valid or not supported. `position` is a character offset into its text, from 0."""

    def __init__(self, message: str, position: int, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.line, self.column = line_and_column(text, position)

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: parse error: {self.message}"


class EvaluationError(Exception):
    """A valid query whose answer would be ambiguous or too large; the HTTP API says 422 "execution"."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Both from 1, as editors and Prometheus count."""
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
