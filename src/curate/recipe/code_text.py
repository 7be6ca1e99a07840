"""Python text of values and calls, in lines that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.recipe.naming import printable

WIDTH = 96


@dataclass(frozen=True)
class Call:
    """A call in code: ``A.Rotate(limit=(-10, 10), p=0.5)``."""

    name: str
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = ()  # type: ignore[assignment]  # an empty one


def text(value: Any, indent: int = 0) -> str:
    """A value as Python; what does not fit on one line is broken after each part.

    Lists and dictionaries of plain values are written as tuples and dictionaries: the arguments of
    albumentations and torchvision are tuples. A list that holds calls stays a list.
    """
    flat = _flat(value)
    if len(flat) + indent <= WIDTH or not isinstance(value, Call | list):
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, list):
        opening, closing = ("[", "]") if _has_calls(value) else ("(", ")")
        parts = [text(item, indent + 4) for item in value]
    else:
        opening, closing = f"{value.name}(", ")"
        parts = [text(item, indent + 4) for item in value.positional]
        parts += [f"{key}={text(v, indent + 4)}" for key, v in dict(value.named).items()]
    lines = "".join(f"{inner}{part},\n" for part in parts)
    return f"{opening}\n{lines}{' ' * indent}{closing}"


def comment(said: str, indent: int = 0) -> str:
    """Comment lines; whatever a text holds, nothing of it can become code."""
    words, lines, width = printable(said).split(), [""], WIDTH - indent
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) + 3 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "".join(f"{' ' * indent}# {line}\n" for line in lines if line)


def _flat(value: Any) -> str:
    if isinstance(value, Call):
        parts = [_flat(item) for item in value.positional]
        parts += [f"{key}={_flat(item)}" for key, item in dict(value.named).items()]
        return f"{value.name}({', '.join(parts)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        parts = [_flat(item) for item in value]
        if _has_calls(value):
            return f"[{', '.join(parts)}]"
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(value, str):
        # As the formatters of Python write it, where that is as safe as `repr`.
        plain = value.isprintable() and not set(value) & set('"\\')
        return f'"{value}"' if plain else repr(value)
    return repr(value)


def _has_calls(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Call) for value in values)
