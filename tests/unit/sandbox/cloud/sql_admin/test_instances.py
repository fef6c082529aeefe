"""Cloud SQL instances, without a database."""

from __future__ import annotations

from sandbox.cloud.sql_admin.instances import Instance, resource, too_small


def test_a_backup_is_not_restored_into_a_smaller_disk() -> None:
    ten, twenty = Instance("p", "ten"), Instance("p", "twenty", disk_gb=20)
    assert too_small(twenty, ten) is None
    assert too_small(twenty, twenty) is None
    refused = too_small(ten, twenty)
    assert refused == "The target instance's disk (10 GB) must be at least as large as the source's (20 GB)."


def test_the_size_of_the_disk_is_shown() -> None:
    assert resource("db", Instance("p", "d", disk_gb=20))["settings"]["dataDiskSizeGb"] == "20"
