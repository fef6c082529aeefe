"""One door to each outside system: Cloud Run, PromQL, Secret Manager, Cloud SQL, the container registry."""
