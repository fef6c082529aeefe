"""A product's past, made up from a seed: its customers, what they did, paid and said, and the KPIs of it.

The same seed gives the same rows. They are kept in memory, so that the KPIs can be worked out from them a
second time, without any SQL (:mod:`sandbox.history.truth`), and compared with what the rollup published.
"""
