"""A command of commands whose help tells all of them in full."""

from __future__ import annotations

import inspect

import click


class Group(click.Group):
    """Click cuts the line of each command off; here it is its whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.line(ctx, name)) for name in self.list_commands(ctx)])

    def line(self, ctx: click.Context, name: str) -> str:
        """What the help says of a command."""
        found = self.get_command(ctx, name)
        text = inspect.cleandoc(found.help or "") if found else ""
        return " ".join(text.partition("\n\n")[0].split())
