"""The sets of scenarios by name. Nothing was chosen on ``reporting``."""

from __future__ import annotations

from bench.analysis.known_scenarios import tuning, validation
from bench.analysis.reporting_scenarios import reporting

SETS = {"tuning": tuning(), "validation": validation(), "reporting": reporting()}
