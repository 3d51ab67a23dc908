// What the state machine did, step by step.
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { given } from "../api/client";
import type { LogEvent, RunView } from "../api/types";
import { useApi } from "../app/context";
import { Empty, Failed } from "../parts/Loaded";
import { time, words } from "../parts/format";
import { useRunPages } from "./useRunPages";

export function RunLog({ run }: { run: RunView }) {
  const api = useApi();
  const pages = useRunPages<LogEvent>(run, "run-log", 50, (params) => given(api.GET("/api/runs/{run_id}/logs", { params })));
  return (
    <Table
      items={pages.items}
      loading={pages.query.isPending}
      loadingText="Loading steps"
      wrapLines
      enableKeyboardNavigation
      header={
        <Header variant="h2" description="Newest first.">
          Steps
        </Header>
      }
      pagination={<Pagination {...pages.pagination} />}
      empty={pages.query.isError ? <Failed query={pages.query} /> : <Empty title="No steps">The state machine has not begun.</Empty>}
      columnDefinitions={[
        { id: "at", header: "Time", cell: (event) => time(event.at), minWidth: 190 },
        {
          id: "event",
          header: "Event",
          cell: (event) =>
            event.level === "error" ? <StatusIndicator type="error">{words(event.event)}</StatusIndicator> : words(event.event),
          isRowHeader: true,
          minWidth: 200,
        },
        { id: "state", header: "Step", cell: (event) => event.state || "–", minWidth: 140 },
        { id: "detail", header: "Detail", cell: (event) => event.detail || "–", minWidth: 240 },
      ]}
    />
  );
}
