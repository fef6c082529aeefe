"""Cloud Monitoring's alert policies and dashboards, to be read."""
