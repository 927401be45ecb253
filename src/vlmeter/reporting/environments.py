"""What the templates of pages can say: their filters, and how each value is escaped."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markdown_it import MarkdownIt
from markupsafe import Markup

from vlmeter.escaping import markdown, printable, quote_attribute, script_json
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import say
from vlmeter.reporting.page import make_anchor


def _render_line(text: str) -> Markup:
    """Return a line of the catalogue's Markdown as HTML; HTML tags in it stay text."""
    rendered = MarkdownIt("commonmark", {"html": False}).renderInline(text)
    return Markup(rendered)  # nosec B704


@cache
def make_markdown_environment(templates: Path) -> Environment:
    """Return an environment that escapes every value for Markdown unless it is marked `raw`."""
    # Jinja's autoescape is for HTML; `finalize` escapes for Markdown.
    environment = _make_environment(templates, _escape_markdown, autoescape=False)
    environment.filters |= {"raw": Markup}
    return environment


@cache
def make_html_environment(templates: Path) -> Environment:
    """Return an environment that escapes every value for HTML.

    The filter `lang` states in the tag of an element in which language its text is, if not in the
    page's: `page.foreign` has these texts.
    """
    environment = _make_environment(templates, _make_printable, autoescape=True)
    environment.filters |= {
        "prose": _render_line,
        "lang": _state_language,
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        "packed": Markup,
        "quoted": lambda text: Markup(quote_attribute(printable(text))),  # nosec B704
        "script_json": lambda value: Markup(script_json(value)),  # nosec B704
    }
    return environment


def _make_environment(
    templates: Path, finalize: Callable[[object], object], *, autoescape: bool
) -> Environment:
    """Return what the pages of both forms share."""
    environment = Environment(  # nosec B701
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=autoescape,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"anchor": make_anchor, "status": get_status_label}
    environment.globals |= {"say": say}
    return environment


@pass_context
def _state_language(context: Context, text: str) -> Markup:
    foreign = context["page"].foreign
    return Markup(' lang="{}"').format(foreign[text]) if text in foreign else Markup("")


def _escape_markdown(value: object) -> object:
    return markdown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _make_printable(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
