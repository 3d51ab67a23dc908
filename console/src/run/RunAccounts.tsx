// The accounts of a run, each as the ledger has it now.
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table from "@cloudscape-design/components/table";
import type { RunAccountView, RunView } from "../api/types";
import { useApi } from "../app/context";
import { given } from "../api/client";
import { Go } from "../parts/Go";
import { Empty, Failed } from "../parts/Loaded";
import { StateBar, StatesTold } from "../parts/StateBar";
import { count } from "../parts/format";
import { isLive } from "../parts/runs";
import { useRunPages } from "./useRunPages";

export function RunAccounts({ run }: { run: RunView }) {
  const api = useApi();
  const pages = useRunPages<RunAccountView>(run, "run-accounts", 25, (params) => given(api.GET("/api/runs/{run_id}/accounts", { params })));
  return (
    <Table
      items={pages.items}
      loading={pages.query.isPending}
      loadingText="Loading accounts"
      trackBy="account_id"
      enableKeyboardNavigation
      header={<Header variant="h2">Accounts of this run</Header>}
      pagination={<Pagination {...pages.pagination} />}
      empty={pages.query.isError ? <Failed query={pages.query} /> : <Empty title="No accounts yet">{isLive(run) ? "They are listed first." : "This run had nothing to look at."}</Empty>}
      columnDefinitions={[
        {
          id: "name",
          header: "Account",
          cell: (row) => <Go to={`/accounts/${row.account_id}`} state={row.name}>{row.name || row.account_id}</Go>,
          isRowHeader: true,
          minWidth: 220,
        },
        { id: "files", header: "Files", cell: (row) => <span className="figure">{count(row.files)}</span>, minWidth: 80 },
        { id: "bar", header: "By state", cell: (row) => <StateBar states={row.states} />, minWidth: 200 },
        {
          id: "states",
          header: "States",
          cell: (row) => <StatesTold states={row.states} none="–" />,
          minWidth: 220,
        },
      ]}
    />
  );
}
