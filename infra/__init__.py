"""The CDK app: stage settings, constructs and stacks."""
