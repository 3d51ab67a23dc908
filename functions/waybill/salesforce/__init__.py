"""The only place that talks to Salesforce."""
