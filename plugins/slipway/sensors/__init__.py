"""Sensors: wait, in the triggerer, for evidence."""
