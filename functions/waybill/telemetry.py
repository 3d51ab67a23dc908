"""Logs and metrics: structured lines with the run's id, and EMF metrics in the namespace `Waybill`."""

from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

logger = Logger(service="waybill")

_UNITS = {
    "BytesCopied": MetricUnit.Bytes,
    "TaskSeconds": MetricUnit.Seconds,
    "SalesforceQuotaUsed": MetricUnit.Percent,
}


def emit(metrics: Mapping[str, float], *, kind: str, stage: str) -> None:
    """Writes the metrics that are not zero, with the dimensions Kind and Stage."""
    given = {name: value for name, value in metrics.items() if value}
    if not given:
        return
    # A set of its own: the shared one would mix the tasks that run in one process locally.
    # No service: it would be a third dimension, and the alarms watch Kind and Stage.
    batch = EphemeralMetrics(namespace="Waybill", service="")
    batch.add_dimension(name="Kind", value=kind)
    batch.add_dimension(name="Stage", value=stage)
    for name, value in given.items():
        batch.add_metric(name=name, unit=_UNITS.get(name, MetricUnit.Count), value=value)
    batch.flush_metrics()
