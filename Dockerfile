# The image of every Airflow component: the pinned requirements and this repository's DAGs, nothing else.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 50000 airflow
COPY requirements.txt /opt/slipway/requirements.txt
RUN pip install --no-cache-dir --require-hashes -r /opt/slipway/requirements.txt
COPY --chown=airflow dags /opt/slipway/dags
COPY --chown=airflow plugins /opt/slipway/plugins
COPY --chown=airflow include /opt/slipway/include
COPY --chown=airflow include/airflow /home/airflow/config
COPY compose/health.py /opt/slipway/health.py
# A volume takes its owner from the image's folder; without the folder it is root's, and Airflow cannot write.
RUN install --directory --owner=airflow --group=airflow /home/airflow/logs /home/airflow/data_docs
USER airflow
WORKDIR /home/airflow
ENV AIRFLOW_HOME=/home/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/slipway/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/slipway/plugins \
    PYTHONPATH=/opt/slipway/plugins
ENTRYPOINT ["tini", "--", "airflow"]
