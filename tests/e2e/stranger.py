"""A script of somebody who has nothing of Waybill's but the OpenAPI document: starts a backup with a generated client and follows it.

`python stranger.py URL TOKEN`, with `waybill_client` on the path. Tells how the run ended, its accounts, and how an error looks.
"""

import json
import sys
import time

from waybill_client import AuthenticatedClient  # type: ignore[import-not-found]
from waybill_client.api.run import run_accounts, run_show, run_start  # type: ignore[import-not-found]
from waybill_client.models import BackupRequest, Problem, RunStatus, RunView  # type: ignore[import-not-found]


def main(url: str, token: str) -> None:
    client = AuthenticatedClient(base_url=url, token=token)
    request = BackupRequest.from_dict({"kind": "backup", "mode": "full"})
    run = run_start.sync(client=client, body=request, idempotency_key="a key of a stranger")
    again = run_start.sync(client=client, body=request, idempotency_key="a key of a stranger")
    assert isinstance(run, RunView)
    assert run.run_id == again.run_id
    until = time.monotonic() + 120
    while run.status == RunStatus.RUNNING and time.monotonic() < until:
        time.sleep(0.2)
        run = run_show.sync(run.run_id, client=client)
    accounts = []
    cursor = None
    while True:
        page = run_accounts.sync(run.run_id, client=client, limit=1, **({"cursor": cursor} if cursor else {}))
        accounts += [account.name for account in page.items]
        cursor = page.next_
        if cursor is None:
            break
    missing = run_show.sync("backup-none", client=client)
    assert isinstance(missing, Problem)
    told = {"status": run.status, "copied": run.files.copied, "accounts": accounts, "missing": missing.class_}
    sys.stdout.write(json.dumps(told))


main(*sys.argv[1:])
