"""Inputs of the two demo tenants, made on first use from the purchases that ship in `data/`."""
