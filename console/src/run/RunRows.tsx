// A load's, an undo's or a sync's rows, one by one: what becomes of each, what it changes, and why not where it does not.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useCollection } from "@cloudscape-design/collection-hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { RunView } from "../api/types";
import { useApi } from "../app/context";
import { Empty, ErrorBox } from "../parts/Loaded";
import { count, words } from "../parts/format";
import { outcomeWords } from "../parts/runs";
import { type Named, namedRows } from "./csv";

const PAGE = 25;
const ANY = { value: "", label: "All rows" };
const TYPES: Record<string, StatusIndicatorProps.Type> = { rejected: "warning", failed: "error", unchanged: "stopped" };

export function RunRows({ run }: { run: RunView }) {
  const api = useApi();
  const [outcome, setOutcome] = useState("");
  const report = useInfiniteQuery({
    queryKey: ["run-rows", run.run_id],
    queryFn: async ({ pageParam }) => {
      const reply = await api.raw(`/api/runs/${run.run_id}/report?format=csv&offset=${pageParam}`);
      return { text: await reply.text(), next: reply.headers.get("Waybill-Next-Offset") };
    },
    initialPageParam: "0",
    getNextPageParam: (last) => last.next,
    staleTime: Infinity,
  });
  const all = useMemo(() => namedRows((report.data?.pages ?? []).map((page) => page.text).join("")), [report.data]);
  const found = useMemo(() => [...new Set(all.map((row) => row.outcome ?? ""))].sort(), [all]);
  const options = [ANY, ...found.map((each) => ({ value: each, label: outcomeWords(run, each) }))];
  const { items, collectionProps, filterProps, paginationProps } = useCollection(outcome ? all.filter((row) => row.outcome === outcome) : all, {
    filtering: {
      empty: <Empty title="No rows">The run has looked at none, or ended before it had planned them.</Empty>,
      noMatch: <Empty title="No row has that">Try a part of a value, a field or a reason.</Empty>,
    },
    pagination: { pageSize: PAGE },
  });
  if (report.isError) return <ErrorBox error={report.error} again={() => void report.refetch()} />;
  return (
    <Table
      {...collectionProps}
      items={items}
      loading={report.isPending}
      loadingText="Loading rows"
      wrapLines
      enableKeyboardNavigation
      header={
        <Header
          variant="h2"
          counter={report.isPending ? "" : `(${count(all.length)}${report.hasNextPage ? "+" : ""})`}
          description={run.kind === "sync" ? "Those that have changed; of the others there is only a number." : undefined}
          actions={
            report.hasNextPage ? (
              <Button loading={report.isFetchingNextPage} onClick={() => void report.fetchNextPage()}>
                Load more
              </Button>
            ) : null
          }
        >
          Row by row
        </Header>
      }
      filter={
        <SpaceBetween direction="horizontal" size="xs">
          <TextFilter {...filterProps} filteringPlaceholder="Find in the rows" filteringAriaLabel="Find in the rows" />
          <Select
            ariaLabel="What becomes of the row"
            options={options}
            selectedOption={options.find((each) => each.value === outcome) ?? ANY}
            onChange={({ detail }) => setOutcome(detail.selectedOption.value ?? "")}
          />
        </SpaceBetween>
      }
      pagination={<Pagination {...paginationProps} />}
      columnDefinitions={[
        { id: "place", header: "Row", cell: placeOf, isRowHeader: true, minWidth: 150 },
        { id: "object", header: "Object", cell: (row) => row.object, minWidth: 130 },
        {
          id: "outcome",
          header: "What becomes of it",
          cell: (row) => <StatusIndicator type={TYPES[row.outcome ?? ""] ?? "success"}>{outcomeWords(run, row.outcome ?? "")}</StatusIndicator>,
          minWidth: 180,
        },
        { id: "why", header: "Changes, or why not", cell: (row) => <Why row={row} />, minWidth: 320 },
        { id: "id", header: "Record", cell: (row) => (row.id ? <span className="mono">{row.id}</span> : "–"), minWidth: 190 },
      ]}
    />
  );
}

function placeOf({ file = "", sheet = "", row = "" }: Named): string {
  const number = row && row !== "0" ? `row ${row}` : "";
  return [sheet || file, number].filter(Boolean).join(", ") || "–";
}

function Why({ row }: { row: Named }) {
  if (row.message) return `${row.code ? `${words(row.code.toLowerCase())}: ` : ""}${row.message}`;
  if (!row.changes) return "–";
  return (
    <ul className="changes">
      {row.changes.split("; ").map((each) => (
        <li key={each}>{each.replace(" -> ", " → ")}</li>
      ))}
    </ul>
  );
}
