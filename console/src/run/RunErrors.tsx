// A run's errors, as they come.
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table from "@cloudscape-design/components/table";
import { given } from "../api/client";
import type { ErrorRow, RowError, RunView } from "../api/types";
import { useApi } from "../app/context";
import { Go } from "../parts/Go";
import { Empty, Failed } from "../parts/Loaded";
import { words } from "../parts/format";
import { isLive } from "../parts/runs";
import { useRunPages } from "./useRunPages";

type AnyError = ErrorRow | RowError;

export function RunErrors({ run }: { run: RunView }) {
  const api = useApi();
  const pages = useRunPages<AnyError>(run, "run-errors", 50, (params) => given(api.GET("/api/runs/{run_id}/errors", { params })));
  return (
    <Table
      items={pages.items}
      loading={pages.query.isPending}
      loadingText="Loading errors"
      wrapLines
      enableKeyboardNavigation
      header={<Header variant="h2">Errors of this run</Header>}
      pagination={<Pagination {...pages.pagination} />}
      empty={pages.query.isError ? <Failed query={pages.query} /> : <Empty title="No errors">{isLive(run) ? "They are shown as they come." : "Everything could be dealt with."}</Empty>}
      columnDefinitions={
        run.rows
          ? [
              { id: "code", header: "Class", cell: (row: AnyError) => words((row as RowError).code.toLowerCase()), isRowHeader: true, minWidth: 160 },
              { id: "object", header: "Object", cell: (row: AnyError) => (row as RowError).object || "–" },
              { id: "where", header: "Row", cell: (row: AnyError) => place(row as RowError) },
              { id: "field", header: "Field", cell: (row: AnyError) => (row as RowError).field || "–" },
              { id: "message", header: "What is wrong", cell: (row: AnyError) => row.message, minWidth: 300 },
            ]
          : [
              { id: "class", header: "Class", cell: (row: AnyError) => words((row as ErrorRow).class.toLowerCase()), isRowHeader: true, minWidth: 160 },
              { id: "file", header: "File", cell: (row: AnyError) => fileOf(row as ErrorRow), minWidth: 200 },
              { id: "message", header: "What is wrong", cell: (row: AnyError) => row.message, minWidth: 320 },
            ]
      }
    />
  );
}

function place(row: RowError): string {
  return [row.sheet || row.file, row.row ? `row ${row.row}` : ""].filter(Boolean).join(", ") || "–";
}

function fileOf(row: ErrorRow) {
  const shown = row.name || row.entry_id || row.account_id || "–";
  return row.entry_id ? <Go to={`/files/${row.entry_id}`}>{shown}</Go> : shown;
}
