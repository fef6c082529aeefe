"""Tests of everything, each in the place of what it tests."""
