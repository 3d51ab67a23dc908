"""The bench of cold starts knows what each function is given."""

import pytest

from bench.coldstart import environment
from infra.catalogue import FUNCTIONS, FunctionSpec


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.id)
def test_every_function_finds_its_environment(spec: FunctionSpec) -> None:
    spec.environment.from_env(environment())
