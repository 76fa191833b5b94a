"""Onboarding: from one file about a tenant to its data in its warehouse, or to nothing at all."""
