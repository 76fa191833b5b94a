"""Taps: one module or small package a source, over the bases in `taps.base`."""
