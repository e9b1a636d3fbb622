"""A value in a JSON file of its own."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


class FileError(Exception):
    """What went wrong with a file. The file's content is never part of it: it may hold a secret."""


def load(path: Path, kind: TypeAdapter[T]) -> T | None:
    """Reads a value; None when there is no file yet. Raises `FileError`."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    try:
        return kind.validate_python(json.loads(text))
    except json.JSONDecodeError as error:
        raise _damaged(path, f"line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise _damaged(path, f"byte {error.start}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(name) for name in first["loc"])
        raise _damaged(path, place or "its outermost value") from None


def save(path: Path, kind: TypeAdapter[T], value: T) -> None:
    """Writes a value whole or not at all, readable for the plugin's own user only. Raises
    `FileError`."""
    text = kind.dump_json(value, indent=2)
    try:
        # Made with mode 0600, beside the file, so that it can take its place in one step.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with open(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


def _damaged(path: Path, place: str) -> FileError:
    return FileError(f"{path} is damaged at {place}: mend it, or remove it to start afresh")
