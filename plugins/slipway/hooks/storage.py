"""Cloud Storage hook: how buckets are set up, and who may write to them. Read only."""

from __future__ import annotations

from airflow.providers.google.common.consts import CLIENT_INFO
from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud.storage import Client

from slipway.analysis.infrastructure import BucketFacts
from slipway.exceptions import BucketUnreadable
from slipway.hooks.google.calls import ATTEMPT_SECONDS, READ_SECONDS, reported_as, retry_within
from slipway.hooks.google.endpoint import GoogleEndpointMixin

#: The predefined roles that let a member create objects in a bucket. A custom role is not looked into.
WRITING_ROLES = frozenset(
    f"roles/storage.{name}"
    for name in (
        "admin",
        "legacyBucketOwner",
        "legacyBucketWriter",
        "objectAdmin",
        "objectCreator",
        "objectUser",
    )
)


class BucketHook(GoogleEndpointMixin, GoogleBaseHook):
    """Reads buckets.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.storage`` may name another address.
    """

    endpoint_name = "storage"

    def facts(self, *, project_id: str, bucket: str) -> BucketFacts | None:
        """Read a bucket; None when there is none of this name.

        :param project_id: Google Cloud project that the reads are charged to.
        :param bucket: its name.
        :raises BucketUnreadable: when Cloud Storage refuses, or gives no usable answer.
        """
        calls = {"timeout": ATTEMPT_SECONDS, "retry": retry_within(READ_SECONDS)}
        with (
            reported_as(BucketUnreadable, f"bucket {bucket}: cannot be read"),
            Client(
                project=project_id,
                credentials=self.get_credentials(),
                client_info=CLIENT_INFO,
                client_options=self.get_client_options(),
            ) as client,
        ):
            try:
                found = client.get_bucket(bucket, **calls)
            except google_errors.NotFound:
                return None
            bindings = found.get_iam_policy(requested_policy_version=3, **calls).bindings
        return BucketFacts(
            versioned=bool(found.versioning_enabled),
            public_access_prevented=found.iam_configuration.public_access_prevention == "enforced",
            retention_seconds=found.retention_period,
            writers=frozenset(
                member
                for binding in bindings
                if binding["role"] in WRITING_ROLES
                for member in binding["members"]
            ),
        )
