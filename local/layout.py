"""Where the local stack listens, and what the template called the things that others ask for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from local.aws.intrinsics import TemplateError
from local.aws.lambdas import FunctionSpec
from local.aws.template import Deployment

DEFAULT_PORTS = "4566,4567,8080"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen on loopback; 0 is any free port."""

    aws: int = 0
    salesforce: int = 0
    api: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """`0`, or three numbers with commas; None is the default. Raises ValueError."""
        numbers = [int(part) for part in (DEFAULT_PORTS if text is None else text).split(",")]
        if numbers == [0]:
            return cls()
        if len(numbers) != 3 or not all(0 <= number <= 65_535 for number in numbers):
            raise ValueError(f"Ports are 0, or three numbers for AWS, Salesforce and the API, not {text}")
        return cls(*numbers)


@dataclass(frozen=True, slots=True)
class Names:
    """What the template called the things that others ask for, as the Api function is told them."""

    source_bucket: str
    destination_bucket: str
    work_bucket: str
    table: str
    stage: str
    api_version: str

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        for function in deployment.functions.values():
            given = function.environment
            if "WAYBILL_STATE_MACHINES" in given:
                config = json.loads(given["WAYBILL_CONFIG"])
                return cls(
                    source_bucket=config["source"]["buckets"][0],
                    work_bucket=given["WAYBILL_WORK_BUCKET"],
                    destination_bucket=given["WAYBILL_DESTINATION_BUCKET"],
                    table=given["WAYBILL_TABLE"],
                    stage=given["WAYBILL_STAGE"],
                    api_version=config["salesforce"]["api_version"],
                )
        raise TemplateError("No function of the template has the Api's environment (WAYBILL_STATE_MACHINES)")


# What a stage may ask a second administrator for.
APPROVED = ("cutover", "rollback", "load", "undo")


def with_approval(functions: Mapping[str, FunctionSpec]) -> dict[str, FunctionSpec]:
    """The functions as deployed by a stage on which whatever writes to Salesforce needs an approval."""

    def of(spec: FunctionSpec) -> FunctionSpec:
        config = json.loads(spec.environment["WAYBILL_CONFIG"]) | {"require_approval": APPROVED}
        return replace(spec, environment={**spec.environment, "WAYBILL_CONFIG": json.dumps(config)})

    return {name: of(spec) for name, spec in functions.items()}
