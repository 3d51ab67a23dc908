"""The embedded local stack: local AWS, state-machine runner, Salesforce simulator, sample data."""
