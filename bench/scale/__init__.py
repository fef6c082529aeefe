"""How much one triggerer, one release and one ledger take."""
