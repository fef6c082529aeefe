"""Simulated production users: ``python -m sandbox.users``.

They work steadily against production's services, send nothing twice, and write down every answer that was
bad and every request that got none.
"""
