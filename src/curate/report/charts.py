"""Line charts and bars over epochs, drawn as SVG: no program is needed to see or to print them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 26, 34
"""Pixels of the whole and of its margins; the chart is scaled with its column."""


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        name: for the legend.
        colour: the name of a colour of `curate.report.theme`.
        x, y: its points.
        low, high: the ends of an interval at each point, drawn as a band; empty for none.
        dash: of SVG; empty for a whole line.
    """

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dash: str = ""


@dataclass(frozen=True)
class Axis:
    """One axis: what it shows, and from where to where."""

    title: str
    low: float
    high: float


def line_chart(
    said: str, lines: Sequence[Line], x: Axis, y: Axis, marks: Sequence[tuple[float, str]] = ()
) -> Markup:
    """Lines over a common axis, with their intervals as bands.

    Args:
        said: all that is to be seen, in words, for those who cannot see it.
        lines: what is drawn, the last on top.
        x: the lower axis.
        y: the upright one.
        marks: places on the x axis with a word each, drawn as upright lines.
    """
    frame = _Frame(x, y)
    drawn = [frame.axes(), *(frame.mark(at, word) for at, word in marks)]
    drawn += [frame.band(line) for line in lines if line.low]
    drawn += [frame.line(line) for line in lines]
    return _svg(said, drawn)


def bar_chart(
    said: str, bars: Sequence[tuple[float, float, Sequence[tuple[str, float]]]], x: Axis, y: Axis,
    line: Line | None = None, note: str = "",
) -> Markup:  # fmt: skip
    """Bars that stand on each other, and a line on the same axes.

    Args:
        said: all that is to be seen, in words.
        bars: where each begins and ends on the x axis, and of its parts colour and height.
        x: the lower axis.
        y: the upright one.
        line: drawn on top, its y as a share of the whole height.
        note: a word at the right end of the line.
    """
    frame = _Frame(x, y)
    drawn = [frame.axes()]
    for start, end, parts in bars:
        bottom = y.low
        for colour, height in parts:
            if height > 0:
                drawn.append(frame.box(start, end, bottom, bottom + height, colour))
                bottom += height
    if line is not None:
        scaled = [y.low + share * (y.high - y.low) for share in line.y]
        drawn.append(frame.line(Line(line.name, line.colour, line.x, scaled, dash=line.dash)))
    if note:
        drawn.append(_text(WIDTH - RIGHT, TOP - 4, note, "end"))
    return _svg(said, drawn)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 5, 10) if power * unit >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True)
class _Frame:
    """Axes, and where values lie between them."""

    x: Axis
    y: Axis

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x.low) / max(self.x.high - self.x.low, 1e-12)
        up = (y - self.y.low) / max(self.y.high - self.y.low, 1e-12)
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    def path(self, x: Sequence[float], y: Sequence[float]) -> str:
        places = [self.at(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b)]
        return " ".join(f"{a:g},{b:g}" for a, b in places)

    def axes(self) -> Markup:
        parts = []
        for value in ticks(self.y.low, self.y.high):
            left, height = self.at(self.x.low, value)
            parts.append(_stroke(left, height, WIDTH - RIGHT, height, "grid"))
            parts.append(_text(left - 5, height + 4, f"{value:,.4g}", "end"))
        for value in ticks(self.x.low, self.x.high):
            across, bottom = self.at(value, self.y.low)
            parts.append(_text(across, bottom + 14, f"{value:,.4g}"))
        left, bottom = self.at(self.x.low, self.y.low)
        parts.append(_stroke(left, bottom, WIDTH - RIGHT, bottom, "axis"))
        parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, self.x.title))
        parts.append(_text(2, 10, self.y.title, "start"))
        return Markup("").join(parts)

    def mark(self, at: float, word: str) -> Markup:
        across, bottom = self.at(at, self.y.low)
        upright = Markup(
            '<line class="axis" stroke-dasharray="3 3" x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}"/>'
        ).format(across, TOP, across, bottom)
        late = across > (LEFT + WIDTH) / 2  # the word would stand out to the right
        place, anchor = (across - 3, "end") if late else (across + 3, "start")
        return upright + _text(place, TOP - 4, word, anchor)

    def band(self, line: Line) -> Markup:
        there = self.path(line.x, line.high)
        back = self.path(list(line.x)[::-1], list(line.low)[::-1])
        return Markup('<polygon points="{} {}" style="fill:var(--{});opacity:.22"/>').format(
            there, back, line.colour
        )

    def line(self, line: Line) -> Markup:
        points = self.path(line.x, line.y)
        style = Markup("stroke:var(--{})").format(line.colour)
        if " " not in points:  # a line of one point is not to be seen
            across, height = points.split(",") if points else ("-9", "-9")
            return Markup('<circle cx="{}" cy="{}" r="3" style="fill:var(--{})"/>').format(
                across, height, line.colour
            )
        dash = Markup(' stroke-dasharray="{}"').format(line.dash) if line.dash else ""
        return Markup('<polyline points="{}" fill="none" stroke-width="2"{} style="{}"/>').format(
            points, dash, style
        )

    def box(self, start: float, end: float, low: float, high: float, colour: str) -> Markup:
        left, bottom = self.at(start, low)
        right, top = self.at(end, high)
        return Markup(
            '<rect x="{:g}" y="{:g}" width="{:g}" height="{:g}" style="fill:var(--{})"/>'
        ).format(left, top, max(right - left - 0.5, 0.5), bottom - top, colour)


def _svg(said: str, drawn: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, said, Markup("").join(drawn)
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> Markup:
    return Markup('<text x="{:g}" y="{:g}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _stroke(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}"/>').format(
        kind, x1, y1, x2, y2
    )
