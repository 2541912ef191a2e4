"""Tests, which wait for no disk: none of them cuts the power, and each fsync takes milliseconds."""

import os

os.fsync = lambda _: None
