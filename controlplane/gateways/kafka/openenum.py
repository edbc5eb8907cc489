"""Enumerations that the other side may extend: an unknown value is kept and shown, never an exception.

`ConfigSource.of(99)` is a stand-in `UNKNOWN(99)`; two of them with the same value are equal, `known` is False.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Self


class OpenEnum(StrEnum):
    """Values are Kafka's own names. Calling the class with any string gives a member or a stand-in for it."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        stand_in = str.__new__(cls, str(value))
        stand_in._name_ = "UNKNOWN"
        stand_in._value_ = str(value)
        return stand_in

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Self], tuple[str]]:
        """By value: Python 3.11.2 pickles by name, and a stand-in is not found by its name."""
        return (type(self), (self._value_,))

    @property
    def known(self) -> bool:
        return self._value_ in {member.value for member in type(self)}


class CodedEnum(OpenEnum):
    """Numbers on the wire, names here. `__codes__` maps one to the other (dunder names are never members)."""

    __codes__: ClassVar[Mapping[int, str]] = {}

    @classmethod
    def of(cls, code: int) -> Self:
        return cls(cls.__codes__.get(code, f"UNKNOWN({code})"))

    @property
    def wire(self) -> int:
        """The number to send. An unknown value goes back as the number it came as."""
        for code, name in self.__codes__.items():
            if name == str(self):
                return code
        text = str(self).removeprefix("UNKNOWN(").removesuffix(")")
        if not text.isdigit():
            raise ValueError(f"{str(self)!r} has no number on the wire")
        return int(text)
