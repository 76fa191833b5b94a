"""The page of a tenant: its customers in pictures, in one HTML file that loads nothing."""

from plugins.report.page import write_page

__all__ = ["write_page"]
