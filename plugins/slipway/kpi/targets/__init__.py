"""Business targets: their policy, review and report."""
