"""What AWS charges, in US dollars, and what a run's requests come to by service. us-east-1, as published in November 2026.

Sources: aws.amazon.com/{s3,dynamodb/pricing/on-demand,step-functions,lambda,kms,cloudwatch,xray}/pricing; free tiers are left out.
"""

from collections import Counter
from collections.abc import Mapping

MILLION = 1_000_000

# S3 Standard: PUT, COPY, POST and LIST; GET, HEAD and all other.
S3_WRITE = 5.00 / MILLION
S3_READ = 0.40 / MILLION
S3_GB_MONTH = 0.023
# Between regions, a GB; within one it is free.
TRANSFER_GB = 0.02
# DynamoDB on demand: write and read units.
WRITE_UNIT = 0.625 / MILLION
READ_UNIT = 0.125 / MILLION
TABLE_GB_MONTH = 0.25
# Standard workflows: each state that is entered.
TRANSITION = 25.00 / MILLION
# Lambda on arm64.
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_SECOND = 0.0000133334
# KMS, a request. With bucket keys up to 99 % of them do not happen: the rest is taken as a full hundredth.
KMS_REQUEST = 3.00 / MILLION
KMS_SHARE_WITH_BUCKET_KEYS = 0.01
# CloudWatch: logs taken in, a GB; a custom metric, prorated by the hour.
LOG_GB = 0.50
METRIC_HOUR = 0.30 / 730
# X-Ray, a trace recorded. By default one a second and 5 % of the others are; reckoned as if each execution were.
TRACE = 5.00 / MILLION

# What is written of each, in bytes: START, END, REPORT, two lines of ours and the metrics; an event of a machine's history.
LOG_BYTES_PER_CALL = 2_600
LOG_BYTES_PER_STATE = 1_500
METRICS = 16

GB = 1e9


def cost_by_service(requests: Mapping[str, int], *, gb_seconds: float, seconds: float, kms: bool) -> dict[str, float]:
    """Dollars by service, transfer and storage left out. `gb_seconds`: of all functions together; `seconds`: how long it takes."""
    calls = requests.get("lambda calls", 0)
    logs = calls * LOG_BYTES_PER_CALL + requests["transitions"] * LOG_BYTES_PER_STATE
    s3: Counter[str] = Counter()
    for kind, number in requests.items():
        service, _, operation = kind.partition(" ")
        if service in {"s3", "work"}:
            s3[operation] += number
    reading = s3["get"] + s3["head"] + s3["tags"]
    encrypted = s3.total() - s3["list"] - s3["head"] if kms else 0
    return {
        "s3": (s3.total() - reading) * S3_WRITE + reading * S3_READ,
        "kms": encrypted * KMS_SHARE_WITH_BUCKET_KEYS * KMS_REQUEST,
        "dynamodb": requests["write units"] * WRITE_UNIT + requests["read units"] * READ_UNIT,
        "step_functions": requests["transitions"] * TRANSITION,
        "lambda": calls * LAMBDA_REQUEST + gb_seconds * LAMBDA_GB_SECOND,
        "logs": logs / GB * LOG_GB,
        "metrics": METRICS * METRIC_HOUR * max(1.0, seconds / 3_600) if calls else 0.0,
        "traces": requests["executions"] * TRACE,
    }


def apart(size: int, *, items: int, item_bytes: int, other_region: bool = False) -> dict[str, float]:
    """What does not depend on the way of copying: the transfer, once, and what the copies and the ledger cost by the month."""
    return {
        "transfer": size / GB * TRANSFER_GB if other_region else 0.0,
        "storage_a_month": size / GB * S3_GB_MONTH + items * item_bytes / GB * TABLE_GB_MONTH,
    }
