// Workbooks that are kept in step with Salesforce: begun by hand, the last syncs, what is in conflict, the workbook itself.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { askRuns } from "../api/asking";
import type { RunView } from "../api/types";
import { useApi, useMay, useWaybill } from "../app/context";
import { Go } from "../parts/Go";
import { Empty, ErrorBox } from "../parts/Loaded";
import { Place } from "../parts/Place";
import { RunStatus } from "../parts/Status";
import { time } from "../parts/format";
import { usePages } from "../parts/pages";
import { askedBy, outcomeOf, problemsOf } from "../parts/runs";
import { OWN } from "../records/loads";
import { SyncForm } from "../sync/SyncForm";
import { saveWorkbook } from "../sync/workbook";

export function Component() {
  const api = useApi();
  const operator = useMay("operator");
  const { tell } = useWaybill();
  const [starting, setStarting] = useState(false);
  const pages = usePages<RunView>(["runs", "sync"], (cursor) => askRuns(api, { kind: "sync", cursor, limit: 20 }), 5_000);
  const download = (run: RunView) =>
    void saveWorkbook(api, run.run_id).catch((error: unknown) =>
      tell({ type: "error", content: error instanceof Error ? error.message : "The workbook could not be had." }),
    );
  const known = pages.items.filter((run) => run.status === "completed").flatMap((run) => run.workbook ?? []);
  return (
    <SpaceBetween size="l">
      {pages.query.isError ? <ErrorBox error={pages.query.error} again={() => void pages.query.refetch()} /> : null}
      <Table
        items={pages.items}
        loading={pages.query.isPending}
        loadingText="Loading syncs"
        trackBy="run_id"
        wrapLines
        enableKeyboardNavigation
        header={
          <Header
            variant="h1"
            description="What changed in Salesforce, into a workbook that stays yours. Where both have changed a cell, yours stays, and the conflict is shown."
            actions={
              operator ? (
                <Button variant="primary" onClick={() => setStarting(true)}>
                  Sync a workbook
                </Button>
              ) : null
            }
          >
            Sync
          </Header>
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={<Empty title="Nothing was synced yet">A workbook begins with a name and the objects that it is to hold.</Empty>}
        columnDefinitions={[
          { id: "workbook", header: "Workbook", cell: (run) => <Go to={`/runs/${run.run_id}`}>{run.workbook ?? run.run_id}</Go>, isRowHeader: true, minWidth: 140 },
          { id: "org", header: "From", cell: (run) => <Place name={run.org ?? OWN} brief />, minWidth: 150 },
          { id: "status", header: "Status", cell: (run) => <RunStatus status={run.status} problems={problemsOf(run)} />, minWidth: 140 },
          { id: "started", header: "Started", cell: (run) => time(run.started_at), minWidth: 150 },
          { id: "outcome", header: "Outcome", cell: (run) => <span className="figure">{outcomeOf(run)}</span>, minWidth: 180 },
          { id: "by", header: "By", cell: askedBy, minWidth: 90 },
          {
            id: "download",
            header: "Download",
            cell: (run) =>
              run.status === "completed" ? (
                <Button variant="inline-link" ariaLabel={`Download ${run.workbook ?? ""} as ${run.run_id} has left it`} onClick={() => download(run)}>
                  Download
                </Button>
              ) : (
                "–"
              ),
            minWidth: 130,
          },
        ]}
      />
      {starting ? <SyncForm known={known} onDone={() => setStarting(false)} /> : null}
    </SpaceBetween>
  );
}
