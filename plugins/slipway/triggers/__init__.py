"""Triggers: the waiting that costs no worker."""
