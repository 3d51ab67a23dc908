"""Migration of the files that Salesforce records link to."""
