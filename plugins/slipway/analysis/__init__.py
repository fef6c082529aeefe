"""Pure decisions: evidence in, verdict out. Nothing here knows Airflow, Google or the network."""
