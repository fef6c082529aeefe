"""What every hook of a Google API shares: calls, endpoint, tokens."""
