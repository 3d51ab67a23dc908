// Loads of records and their undoing, newest first.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useNavigate } from "react-router";
import { askRuns } from "../api/asking";
import type { RunView } from "../api/types";
import { useApi, useMay } from "../app/context";
import { Empty, Failed } from "../parts/Loaded";
import { RunsTable } from "../parts/RunsTable";
import { usePages } from "../parts/pages";

const LOADS = { value: "load", label: "Loads" };
const UNDOS = { value: "undo", label: "Undone loads" };

export function Component() {
  const api = useApi();
  const go = useNavigate();
  const operator = useMay("operator");
  const [kind, setKind] = useState(LOADS);
  const pages = usePages<RunView>(
    ["runs", kind.value],
    (cursor) => askRuns(api, { kind: kind.value === "undo" ? "undo" : "load", cursor, limit: 20 }),
    5_000,
  );
  return (
    <SpaceBetween size="l">
      <Failed query={pages.query} />
      <RunsTable
        runs={pages.items}
        loading={pages.query.isPending}
        header={
          <Header
            variant="h1"
            description="Workbooks and CSV files into Salesforce objects: planned row by row, then loaded, and undone where need be."
            actions={
              operator ? (
                <Button variant="primary" onClick={() => void go("/records/new")}>
                  Load records
                </Button>
              ) : null
            }
          >
            Loads
          </Header>
        }
        filter={
          <Select
            ariaLabel="Loads or undone loads"
            options={[LOADS, UNDOS]}
            selectedOption={kind}
            onChange={({ detail }) => setKind(detail.selectedOption.value === "undo" ? UNDOS : LOADS)}
          />
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={<Empty title="Nothing was loaded yet">A load begins with a file and a dry run.</Empty>}
      />
    </SpaceBetween>
  );
}
