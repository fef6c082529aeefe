"""Task groups: the phases and the rollback, assembled once for every DAG that needs them."""
