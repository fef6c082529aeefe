"""A small real token-optimization platform to release: backend, auth service and frontend.

Each service is one process: ``python -m sandbox.platform.backend``, ``.auth``, ``.frontend``.
"""
