"""Operators: each validates, calls a hook, logs one audit line and leaves a small XCom."""
