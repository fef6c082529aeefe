"""Cloud SQL Admin (v1beta4 and v1).

Documented behaviour that lives here: on-demand backups, restores to another instance, operations by name, one
operation of an instance at a time.
"""
