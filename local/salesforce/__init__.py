"""A small Salesforce that speaks HTTP: a tool for tests and the local stack."""
