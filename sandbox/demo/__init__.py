"""The demonstration: a good release, a bad one, the KPI rollup, and what was measured."""
