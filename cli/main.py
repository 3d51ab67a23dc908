"""The `waybill` command: its commands in the order in which one needs them."""

import click

from cli import (
    audit,
    links,
    load,
    login,
    mappings,
    migrate,
    migrations,
    orgs,
    rebuild,
    runs,
    scope,
    stack,
    status,
    sync,
    template,
)
from cli.app import RootGroup, WaybillGroup


class InOrder(RootGroup):
    """Lists the commands as they are used, not by the alphabet."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    "waybill",
    cls=InOrder,
    context_settings={"max_content_width": 110},
    epilog="""
    waybill demo
    waybill up
    waybill check
    waybill backup --full --wait
    waybill cutover --dry-run --wait
    """,
)
@click.version_option(package_name="waybill", message="%(prog)s %(version)s")
def waybill() -> None:
    """Migrates Salesforce files and records on AWS: shows what it will do, does just that, proves it, and can undo it.

    Exit codes: 0 done; 1 done, but files failed, were held back or are in conflict; 2 wrong use or configuration, or the run
    was refused; 3 the run itself failed, was cancelled or is paused; 130 interrupted.
    """


for command in (
    stack.demo, stack.up, stack.down, login.login, login.whoami, login.logout, scope.check, scope.plan, scope.accounts,
    migrate.backup, migrate.cutover, migrate.rollback, load.load, load.undo, load.retry, sync.sync, template.template, mappings.mappings, orgs.orgs, migrations.migrations,
    status.status, runs.runs, scope.verify, links.links, audit.audit, rebuild.rebuild,
):  # fmt: skip
    waybill.add_command(command)


def main() -> None:
    """The console script."""
    waybill.main()


__all__ = ["WaybillGroup", "main", "waybill"]
