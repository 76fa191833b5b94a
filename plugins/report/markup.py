"""HTML and SVG elements out of Python values; text is escaped, always."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "link", "br", "rect", "line"})
"""Elements without content, here: HTML's own, and the SVG shapes that carry no tooltip."""


class Markup(str):
    """Text that is markup already; every other `str` is escaped."""

    __slots__ = ()


def tag(name: str, *children: str | None, **attributes: object) -> Markup:
    """One element.

    Args:
        name: of the element.
        children: its content, in order; None is left out.
        attributes: `class_` stands for `class`, `aria_label` for `aria-label`; None and False are left out, True is
            an attribute without a value.
    """
    start = name + "".join(_attribute(key, value) for key, value in attributes.items())
    content = join(*children)
    if not content and name in VOID:
        return Markup(f"<{start}/>")
    return Markup(f"<{start}>{content}</{name}>")


def join(*children: str | None) -> Markup:
    """Several pieces, one after the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(child) for child in children if child is not None)
    )


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
