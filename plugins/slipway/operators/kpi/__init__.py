"""Operators of the daily KPI rollup: each runs statements of ``include/sql`` in ClickHouse for one UTC day.

No row passes through a task. Every operator writes one audit line and returns a small XCom.
"""
