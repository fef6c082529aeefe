# The image of every Airflow component: the pinned requirements and this repository's DAGs, nothing else.
FROM python:3.11-slim-bookworm AS airflow
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git tini \
    && rm -rf /var/lib/apt/lists/* \
    && ln --symbolic /usr/bin/tini /entrypoint \
    && useradd --create-home --uid 50000 airflow
COPY requirements-setup.txt requirements.txt /opt/slipway/
# The installer of `make setup`, and gone with the layer: not every pip takes the pins of packages with extras.
RUN python -m venv /tmp/installer \
    && /tmp/installer/bin/pip install --quiet --no-cache-dir --require-hashes -r /opt/slipway/requirements-setup.txt \
    && /tmp/installer/bin/uv pip install --quiet --system --no-cache --compile-bytecode --require-hashes \
        -r /opt/slipway/requirements.txt \
    && rm -rf /tmp/installer
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
# The first word of a command is a program, as in Airflow's own image, whose entrypoint its Helm chart calls by this name.
ENTRYPOINT ["/entrypoint", "--"]
CMD ["airflow", "version"]

# The sandbox beside it: a stand-in of the cloud, with servers of its own.
FROM airflow AS sandbox
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends prometheus redis-server \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-dev.txt /opt/slipway/
RUN python -m venv /tmp/installer \
    && /tmp/installer/bin/pip install --quiet --no-cache-dir --require-hashes -r /opt/slipway/requirements-setup.txt \
    && /tmp/installer/bin/uv pip install --quiet --system --no-cache --compile-bytecode --require-hashes \
        -r /opt/slipway/requirements.txt -r /opt/slipway/requirements-dev.txt \
    && rm -rf /tmp/installer
COPY --chown=airflow sandbox /opt/slipway/sandbox
USER airflow
ENV PYTHONPATH=/opt/slipway/plugins:/opt/slipway \
    SLIPWAY_HOME=/home/airflow/sandbox \
    SLIPWAY_HOST=sandbox.internal
CMD ["python", "-m", "sandbox", "serve"]
