"""Which org a command is about to write to, in words that nobody mistakes."""

from cli import words
from cli.app import App

OWN = "default"


def place(app: App, org: str | None = None) -> str:
    """`the PRODUCTION org default (https://login.salesforce.com)`. None: the stage's own org."""
    found = app.client.get(f"/config/orgs/{org or OWN}")
    kind = "PRODUCTION org" if found["production"] else "sandbox"
    return f"the {kind} {words.safe(found['name'])} ({words.safe(found['organization'] or found['login_url'])})"


def place_of_run(app: App, run_id: str) -> str:
    """Where a run has written to, and whatever follows it will."""
    return place(app, str(app.client.get(f"/runs/{run_id}").get("org") or OWN))
