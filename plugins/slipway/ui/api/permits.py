"""What the signed-in user may do in Airflow, as its auth manager says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser


def signed_in_user() -> Any:
    """Return the dependency that gives the signed-in user."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends

    return Depends(get_user)


@dataclass(frozen=True)
class Permits:
    """What one user may do.

    :param user: the user.
    """

    user: BaseUser

    @property
    def names(self) -> Collection[str]:
        """What the user is called on record: id and name."""
        return {str(self.user.get_id()), self.user.get_name()}

    def may_trigger(self, dag_id: str) -> bool:
        """Tell whether the user may trigger a DAG.

        :param dag_id: the DAG.
        """
        return self._may("POST", "RUN", dag_id)

    def may_answer(self, assigned: Collection[str], dag_id: str) -> bool:
        """Tell whether the user may answer a question about a release.

        :param assigned: ids of the users it is for; empty for whoever may answer at all.
        :param dag_id: DAG of the run that asks.
        """
        from airflow.api_fastapi.app import get_auth_manager

        if not self._may("PUT", "HITL_DETAIL", dag_id):
            return False
        return not assigned or get_auth_manager().is_authorized_hitl_task(
            assigned_users=set(assigned), user=self.user
        )

    def _may(self, method: Any, entity: str, dag_id: str) -> bool:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

        return get_auth_manager().is_authorized_dag(
            method=method,
            access_entity=DagAccessEntity[entity],
            details=DagDetails(id=dag_id),
            user=self.user,
        )
