// Migrations: what is intended, phase by phase, and how far each is by its runs.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useNavigate } from "react-router";
import { given } from "../api/client";
import type { MigrationView } from "../api/types";
import { useApi, useMay } from "../app/context";
import { MigrationEditor } from "../migrations/MigrationEditor";
import { Standing } from "../migrations/status";
import { Go } from "../parts/Go";
import { Empty, ErrorBox } from "../parts/Loaded";
import { Place } from "../parts/Place";
import { time } from "../parts/format";
import { usePages } from "../parts/pages";

export function Component() {
  const api = useApi();
  const go = useNavigate();
  const operator = useMay("operator");
  const [making, setMaking] = useState(false);
  const pages = usePages<MigrationView>(
    ["migrations"],
    (cursor) => given(api.GET("/api/migrations", { params: { query: { limit: 20, ...(cursor ? { cursor } : {}) } } })),
    15_000,
  );
  return (
    <SpaceBetween size="l">
      {pages.query.isError ? <ErrorBox error={pages.query.error} again={() => void pages.query.refetch()} /> : null}
      <Table
        items={pages.items}
        loading={pages.query.isPending}
        loadingText="Loading migrations"
        trackBy="id"
        wrapLines
        enableKeyboardNavigation
        header={
          <Header
            variant="h1"
            description="Phases and their tasks. How far they are follows from the runs that belong to them."
            actions={
              operator ? (
                <Button variant="primary" onClick={() => setMaking(true)}>
                  New migration
                </Button>
              ) : null
            }
          >
            Migrations
          </Header>
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={<Empty title="No migrations yet">A migration groups what belongs together: phases, tasks, and their runs.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Migration", cell: (each) => <Go to={`/migrations/${each.id}`}>{each.name}</Go>, isRowHeader: true, minWidth: 200 },
          { id: "org", header: "Org", cell: (each) => <Place name={each.org} brief />, minWidth: 160 },
          { id: "status", header: "Status", cell: (each) => <Standing status={each.status} />, minWidth: 130 },
          { id: "phase", header: "Phase", cell: phaseOf, minWidth: 150 },
          { id: "progress", header: "Tasks done", cell: (each) => <ProgressBar value={each.progress} ariaLabel={`Tasks of ${each.name} that are done`} />, minWidth: 170 },
          { id: "saved", header: "Saved", cell: (each) => `${time(each.saved_at)}, ${each.saved_by}`, minWidth: 190 },
        ]}
      />
      {making ? (
        <MigrationEditor
          before={null}
          onDone={(saved) => {
            setMaking(false);
            if (saved) void go(`/migrations/${saved.id}`);
          }}
        />
      ) : null}
    </SpaceBetween>
  );
}

function phaseOf({ phase, phases }: MigrationView): string {
  const name = phases[phase - 1]?.name;
  return name ? `${phase} of ${phases.length}: ${name}` : "–";
}
