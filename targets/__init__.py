"""Loaders: what is the same for every warehouse is in `core`, the rest in one package a warehouse."""
