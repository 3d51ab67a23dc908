// A table of runs.
import Table, { type TableProps } from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import type { RunView } from "../api/types";
import { Go } from "./Go";
import { Empty } from "./Loaded";
import { RunStatus } from "./Status";
import { between, count, time } from "./format";
import { askedBy, outcomeOf, problemsOf, progressOf, titleOf } from "./runs";
import { useNow } from "./now";

export function RunsTable(props: { runs: RunView[]; loading: boolean; header: ReactNode; pagination?: ReactNode; filter?: ReactNode; empty?: ReactNode }) {
  const now = useNow(props.runs.some((run) => !run.ended_at));
  const columns: TableProps.ColumnDefinition<RunView>[] = [
    {
      id: "what",
      header: "Run",
      cell: (run) => <Go to={`/runs/${run.run_id}`}>{titleOf(run)}</Go>,
      isRowHeader: true,
      minWidth: 170,
    },
    { id: "status", header: "Status", cell: (run) => <RunStatus status={run.status} problems={problemsOf(run)} />, minWidth: 190 },
    { id: "started", header: "Started", cell: (run) => time(run.started_at), minWidth: 190 },
    { id: "took", header: "Took", cell: (run) => <span className="figure">{between(run.started_at, run.ended_at, now)}</span>, minWidth: 100 },
    { id: "files", header: "Files or rows", cell: (run) => <span className="figure">{count(progressOf(run).total)}</span>, minWidth: 110 },
    { id: "outcome", header: "Outcome", cell: (run) => <span className="figure">{outcomeOf(run)}</span>, minWidth: 200 },
    { id: "by", header: "By", cell: askedBy, minWidth: 110 },
  ];
  return (
    <Table
      items={props.runs}
      columnDefinitions={columns}
      loading={props.loading}
      loadingText="Loading runs"
      trackBy="run_id"
      header={props.header}
      pagination={props.pagination}
      filter={props.filter}
      wrapLines
      empty={props.empty ?? <Empty title="No runs yet">Plan and start the first backup.</Empty>}
      enableKeyboardNavigation
    />
  );
}
