"""Writes the generated parts of the documentation; with --check, says whether they are up to date.

A page is text for people with one or more blocks between `<!-- begin NAME -->` and `<!-- end -->`. Each block is made
from the program itself: a plugin's settings, the canonical streams, the presets, a command's help.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipe.streams import CANONICAL, Stream
from transforms import explain, sources

ROOT = Path(__file__).parent.parent
PLUGINS = {
    "tap-bigquery": ("taps.bigquery.tap", "TapBigQuery"),
    "tap-csv": ("taps.csv.tap", "TapCSV"),
    "tap-identity": ("identity.reconcile.tap", "TapIdentity"),
    "tap-hubspot": ("taps.hubspot.tap", "TapHubSpot"),
    "tap-mysql": ("taps.mysql.tap", "TapMySQL"),
    "tap-postgres": ("taps.postgres.tap", "TapPostgres"),
    "tap-salesforce": ("taps.salesforce.tap", "TapSalesforce"),
    "tap-snowflake": ("taps.snowflake.tap", "TapSnowflake"),
    "tap-shopify": ("taps.shopify.tap", "TapShopify"),
    "tap-square": ("taps.square.tap", "TapSquare"),
    "tap-stripe": ("taps.stripe.tap", "TapStripe"),
    "tap-zoho": ("taps.zoho.tap", "TapZoho"),
    "map-conversions": ("transforms.map_conversions", "MapConversions"),
    "discover-mapping": ("discovery.discover_mapping", "DiscoverMapping"),
    "resolve-identity": ("identity.resolve", "ResolveIdentity"),
    "target-bigquery": ("targets.bigquery.target", "TargetBigQuery"),
    "target-duckdb": ("targets.duckdb.target", "TargetDuckDB"),
}
_BLOCK = re.compile(r"<!-- begin (?P<name>[\w: -]+) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL)


def pages() -> list[Path]:
    """Pages that may hold generated blocks."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def build(text: str) -> str:
    """The page with every block made anew."""

    def replaced(match: re.Match[str]) -> str:
        kind, _, name = match["name"].partition(": ")
        body = "\n".join(BLOCKS[kind](name))
        return f"<!-- begin {match['name']} -->\n{body}\n<!-- end -->"

    return _BLOCK.sub(replaced, text)


def settings(name: str) -> Iterator[str]:
    """Settings table of an executable."""
    module, cls = PLUGINS[name]
    schema = getattr(importlib.import_module(module), cls).config_jsonschema
    yield "| setting | kind | default | what it does |"
    yield "|---|---|---|---|"
    yield from _rows(schema, "")


def streams(_: str) -> Iterator[str]:
    """The canonical streams, a table each."""
    for stream in CANONICAL.values():
        yield from _stream(stream)


def presets(_: str) -> Iterator[str]:
    """Every shipped preset in words."""
    for name in sources.shipped():
        preset = sources.load(name)
        yield f"### {name}: {preset.title}"
        yield ""
        yield "```text"
        for rule in preset.streams:
            yield from explain.describe(rule, "UTC")
        yield "```"
        yield ""


BLOCKS: dict[str, Callable[[str], Iterator[str]]] = {"settings": settings, "streams": streams, "presets": presets}


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    required = set(schema.get("required", []))
    for name, setting in schema["properties"].items():
        kind = _kind(setting) + (", secret" if setting.get("secret") else "")
        default = "**required**" if name in required else _default(setting)
        text = " ".join(str(setting.get("description", setting.get("title", ""))).split())
        yield f"| `{prefix}{name}` | {kind} | {default} | {text.replace('|', chr(92) + '|')} |"
        items = setting.get("items", {})
        if isinstance(items, dict) and items.get("properties"):
            yield from _rows(items, f"{prefix}{name}[].")
        elif setting.get("properties"):
            yield from _rows(setting, f"{prefix}{name}.")
        elif isinstance(setting.get("additionalProperties"), dict) and "properties" in setting["additionalProperties"]:
            yield from _rows(setting["additionalProperties"], f"{prefix}{name}.*.")


def _kind(setting: dict[str, Any]) -> str:
    if setting.get("enum"):
        return " \\| ".join(f"`{choice}`" for choice in setting["enum"] if choice is not None)
    kinds = setting.get("type", "any")
    return ", ".join(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")


def _default(setting: dict[str, Any]) -> str:
    default = setting.get("default")
    return "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _stream(stream: Stream) -> Iterator[str]:
    yield f"## {stream.name}"
    yield ""
    yield f"{stream.description} Key: `{stream.key}`."
    yield ""
    yield "| column | DuckDB | BigQuery | meaning |"
    yield "|---|---|---|---|"
    for field in stream.fields:
        notes = [field.description]
        if field.name in stream.required:
            notes.append("**required**")
        if field.personal:
            notes.append("*personal*")
        kind = field.kind.value
        yield f"| `{field.name}` | {kind.duckdb} | {kind.bigquery} | {'; '.join(notes)} |"
    yield ""


def main() -> int:
    """Write the pages, or check them."""
    stale = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        built = build(text)
        if built != text:
            stale.append(str(page.relative_to(ROOT)))
            if "--check" not in sys.argv:
                page.write_text(built, encoding="utf-8")
    if stale:
        print(("out of date: " if "--check" in sys.argv else "written: ") + ", ".join(stale))
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
