"""Connections to further orgs: what is known of each in the table, what a login takes in Secrets Manager."""
