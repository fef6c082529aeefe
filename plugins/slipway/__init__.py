"""Slipway: progressive, evidence-driven releases of Cloud Run services on Apache Airflow."""
