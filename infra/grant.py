"""Calls on resources, as a statement of a role's policy."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from infra.nag import acknowledge_wildcards


@dataclass(frozen=True)
class Grant:
    """Calls on resources. `wildcard`: why the ARNs may hold one. `keys`: the partition keys that the calls may touch, one pattern or more."""

    actions: Sequence[str]
    arns: Sequence[str]
    wildcard: str | None = None
    keys: str | Sequence[str] | None = None

    def give(self, role: iam.Role) -> None:
        """Adds it to the role's policy, and accepts the wildcard where there is one."""
        keys = [self.keys] if isinstance(self.keys, str) else list(self.keys or ())
        conditions = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}} if keys else None
        role.add_to_policy(iam.PolicyStatement(actions=list(self.actions), resources=list(self.arns), conditions=conditions))
        if self.wildcard:
            acknowledge_wildcards(role, self.arns, reason=self.wildcard)
