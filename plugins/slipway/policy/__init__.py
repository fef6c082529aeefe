"""What was decided beforehand: the models of ``include/policy`` and their strict loading."""
