"""A small strict runner of Step Functions definitions in JSONata."""
