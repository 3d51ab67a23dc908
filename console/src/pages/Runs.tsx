// All runs, newest first.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate, useSearchParams } from "react-router";
import { askRuns } from "../api/asking";
import type { RunKind, RunStatus, RunView } from "../api/types";
import { useApi, useMay } from "../app/context";
import { Empty, Failed } from "../parts/Loaded";
import { RunsTable } from "../parts/RunsTable";
import { words } from "../parts/format";
import { usePages } from "../parts/pages";
import { KINDS } from "../parts/runs";

const STATUSES = ["running", "awaiting_approval", "paused", "completed", "failed", "cancelled", "refused"];
const ANY_KIND: SelectProps.Option = { value: "", label: "All kinds" };
const ANY_STATUS: SelectProps.Option = { value: "", label: "All states" };
const KIND_OPTIONS = [ANY_KIND, ...Object.entries(KINDS).map(([value, label]) => ({ value, label }))];
const STATUS_OPTIONS = [ANY_STATUS, ...STATUSES.map((value) => ({ value, label: words(value) }))];

export function Component() {
  const api = useApi();
  const go = useNavigate();
  const operator = useMay("operator");
  const [asked, setAsked] = useSearchParams();
  const kind = asked.get("kind") ?? "";
  const status = asked.get("status") ?? "";
  const pages = usePages<RunView>(
    ["runs", kind, status],
    (cursor) => askRuns(api, { kind: kind as RunKind, status: status as RunStatus, cursor, limit: 20 }),
    5_000,
  );
  const filter = (name: string, value: string) =>
    setAsked((before) => {
      if (value) before.set(name, value);
      else before.delete(name);
      return before;
    });
  return (
    <SpaceBetween size="l">
      <Failed query={pages.query} />
      <RunsTable
        runs={pages.items}
        loading={pages.query.isPending}
        header={
          <Header
            variant="h1"
            actions={
              operator ? (
                <Button variant="primary" onClick={() => void go("/start")}>
                  Plan and start
                </Button>
              ) : null
            }
          >
            Runs
          </Header>
        }
        filter={
          <SpaceBetween direction="horizontal" size="xs">
            <Select
              ariaLabel="Kind of run"
              options={KIND_OPTIONS}
              selectedOption={KIND_OPTIONS.find((each) => each.value === kind) ?? ANY_KIND}
              onChange={({ detail }) => filter("kind", detail.selectedOption.value ?? "")}
            />
            <Select
              ariaLabel="State of run"
              options={STATUS_OPTIONS}
              selectedOption={STATUS_OPTIONS.find((each) => each.value === status) ?? ANY_STATUS}
              onChange={({ detail }) => filter("status", detail.selectedOption.value ?? "")}
            />
          </SpaceBetween>
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={
          kind || status ? <Empty title="No run like that">Choose other kinds or states.</Empty> : <Empty title="No runs yet">Plan and start the first backup.</Empty>
        }
      />
    </SpaceBetween>
  );
}
