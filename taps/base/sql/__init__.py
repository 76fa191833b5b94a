"""Databases as sources: settings, discovery and reading that all SQL taps share over an engine of their own."""
