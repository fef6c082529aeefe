"""Cloud Run's memory metric."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.cloud.run.memory_metrics import EDGES, UTILIZATIONS, MemoryMetrics

REVISION = "projects/p/locations/l/services/svc/revisions/svc-a"


def test_every_instance_is_a_sample_of_its_revisions_distribution() -> None:
    instances = [(REVISION, 0.205), (REVISION, 0.31)]
    metrics = MemoryMetrics(lambda: instances)
    list(metrics.exposition())
    instances.append((REVISION, 1.2))
    (family,) = text_string_to_metric_families("\n".join(metrics.exposition()) + "\n")
    assert (family.name, family.type) == (UTILIZATIONS, "histogram")
    assert {sample.labels["revision_name"] for sample in family.samples} == {"svc-a"}
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert list(buckets) == [*map(str, EDGES), "+Inf"]
    assert [buckets[edge] for edge in ("0.2", "0.21", "0.3", "0.31", "1.0", "+Inf")] == [0, 2, 2, 4, 4, 5]
    (total,) = (s.value for s in family.samples if s.name.endswith("_sum"))
    assert total == pytest.approx(2 * (0.205 + 0.31) + 1.2)
