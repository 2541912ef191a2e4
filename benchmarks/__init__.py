"""Timings, as ratios that are measured in one run; never part of the tests."""
