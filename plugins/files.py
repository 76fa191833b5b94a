"""Files that a re-run must not touch when nothing changed (see `pipe.files`)."""

from pipe.files import keep

__all__ = ["keep"]
