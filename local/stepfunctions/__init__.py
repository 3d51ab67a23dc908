"""A small strict runner of Step Functions definitions in JSONata."""

from local.stepfunctions.errors import DefinitionError, LambdaFailure, StateError
from local.stepfunctions.moto_backend import install
from local.stepfunctions.runner import Runner

__all__ = ["DefinitionError", "LambdaFailure", "Runner", "StateError", "install"]
