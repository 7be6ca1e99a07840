"""One HTML file that needs nothing else: sections in, a page out.

How to use it::

    body = fragment("pairs.html", pairs=pairs)          # a template of report/templates, escaped
    section = Section("pairs", "Most confused pairs", body, "Both directions together.")
    html = page_html(Page("Report of pets", "2 runs, 400 images", (section,), lead=lead))

`fragment` renders a template with autoescape on and refuses names that it was not given; what is
put into it as `str` shows as text, also a class named ``<script>``. Markup made in Python is made
by `markupsafe.Markup("...").format(...)`, which escapes its arguments. The parts that templates
share (a bar with its interval, a picture, a legend) are macros in ``templates/parts.html``, and
charts are drawn by `curate.report.charts`. Data for a program in the page goes through the filter
`tojson`, whose text cannot end the element that it stands in.

A page works without JavaScript: scripts given to `Page` may only add to what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from curate.report import filters
from curate.report.theme import DARK, LIGHT, variables

GENERATOR = "curate.report"
"""Says in every file that a report wrote, near its beginning, who wrote it."""


@dataclass(frozen=True)
class Section:
    """One section of a page.

    Attributes:
        id: its anchor, letters and hyphens.
        title: as text.
        body: finished HTML.
        summary: a sentence or two below the title, as text: what to see in it.
        short: the title in the list of contents, where the whole is too long.
    """

    id: str
    title: str
    body: Markup
    summary: str = ""
    short: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: as text.
        subtitle: a line below it, as text.
        sections: in their order.
        lead: the first screen, finished HTML.
        footer: the last line, as text.
        scripts: finished HTML that is put at the end of the page.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    lead: Markup = field(default_factory=Markup)
    footer: str = ""
    scripts: tuple[Markup, ...] = ()


def page_html(page: Page) -> str:
    """The file's whole text."""
    return str(
        fragment(
            "page.html", page=page, light=variables(LIGHT), dark=variables(DARK),
            generator=GENERATOR,
        )
    )  # fmt: skip


def fragment(name: str, **values: Any) -> Markup:
    """Render one template of this room.

    Args:
        name: of the file in ``templates``.
        **values: all that it names.
    """
    return Markup(_templates().get_template(name).render(**values))


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("curate.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(filters.ALL)
    return made
