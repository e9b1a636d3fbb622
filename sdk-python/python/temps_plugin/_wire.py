"""What every type of the wire can do: be read from JSON, be written as JSON, say what is wrong.

The types themselves are in `wire.py`, which is generated. Each of them has a table of its members;
everything here works on that table.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, ClassVar, Final, TypeGuard, TypeVar

    from typing_extensions import Self

    T = TypeVar("T")

# Stands for "not given" where None is a value like any other.
MISSING: Final[Any] = object()

_SHOWN_CHARACTERS = 60


class Mismatch(ValueError):
    """A value is not as the protocol asks.

    Attributes:
        type_name: The class that was read, the outermost one.
        at: The path to the value below it, such as `.nav[0].label`. It grows while the readers
            around the value are left.
        found: What is there, in words.
        allowed: What may be there, in words.
    """

    def __init__(self, found: str, allowed: str, at: str = "") -> None:
        super().__init__(found, allowed, at)
        self.type_name = ""
        self.found = found
        self.allowed = allowed
        self.at = at

    def __str__(self) -> str:
        return f"{self.type_name}{self.at}: found {self.found}; allowed is {self.allowed}"


class WireObject:
    """An object of the wire.

    Two of them are equal when they are of one class and their members are equal. They can be
    changed, so they have no hash.

    Attributes:
        raw: The dict it was read from, with the members this version does not know. Empty when it
            was made in Python.
    """

    __slots__ = ("raw",)

    raw: dict[str, Any]
    _members: ClassVar[tuple[Member, ...]] = ()
    # The name of the member whose value tells this class from others; a class attribute.
    _tag: ClassVar[str | None] = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Reads an object from a dict as `json.loads` gives it. Unknown members are ignored.

        Raises:
            ValueError: A member is missing or not as the protocol asks. The text names the class,
                the member, what was found there and what is allowed.
        """
        try:
            return cls._read(value)
        except Mismatch as error:
            error.type_name = cls.__name__
            raise

    def to_json(self) -> dict[str, Any]:
        """The dict that goes on the wire. What the protocol leaves out when unset is left out."""
        json: dict[str, Any] = {}
        if self._tag is not None:
            json[self._tag] = getattr(self, self._tag)
        for member in self._members:
            value = getattr(self, member.name)
            if not (member.omitted and member.is_default(value)):
                json[member.name] = _plain(value)
        return json

    def validate(self) -> None:
        """Checks every member, for an object that was made in Python.

        Raises:
            ValueError: As from `from_json`.
        """
        self.from_json(self.to_json())

    @classmethod
    def _read(cls, value: object) -> Self:
        if not _is_object(value):
            raise Mismatch(_json_type(value), "an object")
        if cls._tag is not None:
            _check_tag(value, cls._tag, (getattr(cls, cls._tag),))
        made = cls.__new__(cls)
        for member in cls._members:
            setattr(made, member.name, member.read(value))
        made.raw = value
        return made

    # Without a `__hash__` beside it, this also takes the hash away.
    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [member.name for member in self._members]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __repr__(self) -> str:
        shown: list[str] = []
        for member in self._members:
            value = getattr(self, member.name)
            if member.is_secret:
                shown.append(f"{member.name}=<hidden>")
            elif not member.is_default(value):
                shown.append(f"{member.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class Member:
    """One row of a class's table: a member, and how it is read and written.

    Attributes:
        name: Its name, on the wire and in Python.
        kind: What values it has.
        nullable: Whether it may be null besides.
        default: What a missing one means; `MISSING` when it must be there.
        omitted: Whether it is left out of what is written when it equals `default`.
        is_secret: Whether its value must not be shown.
    """

    __slots__ = ("default", "is_secret", "kind", "name", "nullable", "omitted")

    def __init__(
        self,
        name: str,
        kind: Kind,
        *,
        nullable: bool = False,
        default: Any = MISSING,
        omitted: bool = False,
        is_secret: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.nullable = nullable
        self.default = default
        self.omitted = omitted
        self.is_secret = is_secret

    def read(self, json: dict[str, Any]) -> Any:
        """Its value in `json`."""
        value = json.get(self.name, MISSING)
        if value is MISSING:
            if self.default is MISSING:
                raise Mismatch("nothing", self._allowed(), f".{self.name}")
            # Objects must not share what they can change.
            is_changeable = isinstance(self.default, (list, dict))
            return self.default.copy() if is_changeable else self.default
        if value is None and self.nullable:
            return None
        try:
            return self.kind.read(value)
        except Mismatch as error:
            if self.is_secret:
                hidden = "a value that is not shown"
                raise Mismatch(hidden, self._allowed(), f".{self.name}") from None
            if not error.at:
                error.allowed = self._allowed()
            error.at = f".{self.name}{error.at}"
            raise

    def is_default(self, value: object) -> bool:
        """Whether `value` is what a missing member means. `0` is not `False` here."""
        return type(value) is type(self.default) and value == self.default

    def _allowed(self) -> str:
        return f"{self.kind.allowed} or null" if self.nullable else self.kind.allowed


class Kind:
    """What values a member has.

    Attributes:
        allowed: The same in words, for error texts.
    """

    __slots__ = ("allowed",)

    def __init__(self, allowed: str) -> None:
        self.allowed = allowed

    def read(self, value: Any) -> Any:
        """The Python value of a JSON one. What does not fit is refused."""
        raise NotImplementedError


class Anything(Kind):
    """Any JSON."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("any JSON")

    def read(self, value: Any) -> Any:
        return value


class Flag(Kind):
    """True or false."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("true or false")

    def read(self, value: Any) -> Any:
        if value is True or value is False:
            return value
        raise Mismatch(_shown(value), self.allowed)


class Text(Kind):
    """A text. Lengths are in characters; a pattern is met by the whole text."""

    __slots__ = ("_max_length", "_min_length", "_pattern")

    def __init__(
        self, *, min_length: int = 0, max_length: int | None = None, pattern: str | None = None
    ) -> None:
        limits: list[str] = []
        if min_length:
            limits.append(f"of at least {min_length} {_characters(min_length)}")
        if max_length is not None:
            limits.append(f"of at most {max_length} {_characters(max_length)}")
        if pattern is not None:
            limits.append(f"that matches {pattern}")
        super().__init__(" ".join(["a text", " and ".join(limits)]).strip())
        self._min_length = min_length
        self._max_length = max_length
        self._pattern = pattern

    def read(self, value: Any) -> Any:
        if (
            isinstance(value, str)
            and len(value) >= self._min_length
            and (self._max_length is None or len(value) <= self._max_length)
            and (self._pattern is None or re.fullmatch(self._pattern, value))
        ):
            return value
        raise Mismatch(_shown(value), self.allowed)


class Choice(Kind):
    """One of some texts."""

    __slots__ = ("_values",)

    def __init__(self, values: tuple[str, ...]) -> None:
        super().__init__(_one_of(values))
        self._values = values

    def read(self, value: Any) -> Any:
        if isinstance(value, str) and value in self._values:
            return value
        raise Mismatch(_shown(value), self.allowed)


class Integer(Kind):
    """An integer between two others, both included. `1.0` is none, as it is none for a host."""

    __slots__ = ("_high", "_low")

    def __init__(self, low: int, high: int) -> None:
        super().__init__(f"an integer from {low} to {high}")
        self._low = low
        self._high = high

    def read(self, value: Any) -> Any:
        if type(value) is int and self._low <= value <= self._high:
            return value
        raise Mismatch(_shown(value), self.allowed)


class Number(Kind):
    """A number that a double can hold."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("a finite number")

    def read(self, value: Any) -> Any:
        try:
            if type(value) in (int, float) and isfinite(value):
                return value
        except OverflowError:
            pass
        raise Mismatch(_shown(value), self.allowed)


class Many(Kind):
    """A list, each item of one kind."""

    __slots__ = ("_item",)

    def __init__(self, item: Kind) -> None:
        super().__init__("a list")
        self._item = item

    def read(self, value: Any) -> Any:
        if not _is_list(value):
            raise Mismatch(_shown(value), self.allowed)
        found: list[Any] = []
        for i, item in enumerate(value):
            try:
                found.append(self._item.read(item))
            except Mismatch as error:
                error.at = f"[{i}]{error.at}"
                raise
        return found


class Nested(Kind):
    """An object of one class."""

    __slots__ = ("_type",)

    def __init__(self, type_: type[WireObject]) -> None:
        super().__init__("an object")
        self._type = type_

    def read(self, value: Any) -> Any:
        return self._type.from_json(value)


class OneOf(Kind):
    """An object whose member `tag` tells its class."""

    __slots__ = ("_tag", "_types")

    def __init__(self, tag: str, types: Mapping[str, type[WireObject]]) -> None:
        super().__init__("an object")
        self._tag = tag
        self._types = types

    def read(self, value: Any) -> Any:
        if not _is_object(value):
            raise Mismatch(_json_type(value), self.allowed)
        return self._types[_check_tag(value, self._tag, tuple(self._types))].from_json(value)


ANYTHING: Final = Anything()
FLAG: Final = Flag()
TEXT: Final = Text()
NUMBER: Final = Number()
INT32: Final = Integer(-(2**31), 2**31 - 1)
UINT32: Final = Integer(0, 2**32 - 1)
UINT64: Final = Integer(0, 2**64 - 1)


def items(values: Iterable[T], member: str) -> list[T]:
    """A list of its own from any iterable but a text, which would fall apart into characters.

    Raises:
        TypeError: For a text, and for what is not iterable. The text names `member`.
    """
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{member}: found {_shown(values)}; allowed is a list or a tuple")
    return list(values)


def _check_tag(json: dict[str, Any], tag: str, allowed: tuple[str, ...]) -> str:
    value = json.get(tag, MISSING)
    if isinstance(value, str) and value in allowed:
        return value
    found = "nothing" if value is MISSING else _shown(value)
    raise Mismatch(found, _one_of(allowed), f".{tag}")


def _plain(value: object) -> object:
    if isinstance(value, WireObject):
        return value.to_json()
    if _is_list(value):
        return [_plain(item) for item in value]
    return value


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple))


def _one_of(values: tuple[str, ...]) -> str:
    quoted = [repr(value) for value in values]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def _characters(count: int) -> str:
    return "character" if count == 1 else "characters"


def _shown(value: object) -> str:
    """A value in an error text: short ones as they are, the others by their type."""
    if isinstance(value, str):
        short = value[:_SHOWN_CHARACTERS]
        return repr(short) if short == value else f"{short!r}… ({len(value)} characters)"
    if type(value) is int and value.bit_length() <= 64:
        return str(value)
    if type(value) is float:
        return repr(value)
    if value is True or value is False:
        return "true" if value else "false"
    return _json_type(value)


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int):
        return "a huge integer" if value.bit_length() > 64 else "an integer"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"a Python {type(value).__name__}"
