// Who did what, when, from where; and whether the chain of records is whole.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import DatePicker from "@cloudscape-design/components/date-picker";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import type { AuditRecord } from "../api/types";
import { useApi } from "../app/context";
import { checkAudit } from "../audit/chain";
import { Detail } from "../audit/Detail";
import { Empty, Failed } from "../parts/Loaded";
import { count, time } from "../parts/format";
import { usePages } from "../parts/pages";

export function Component() {
  const api = useApi();
  const [day, setDay] = useState(() => new Date().toISOString().slice(0, 10));
  const pages = usePages<AuditRecord>(["audit", day], (cursor) =>
    given(api.GET("/api/audit", { params: { query: { day, limit: 25, ...(cursor ? { cursor } : {}) } } })),
  );
  const [seen, setSeen] = useState(0);
  const check = useMutation({ mutationFn: () => checkAudit(api, setSeen) });
  return (
    <SpaceBetween size="l">
      <Failed query={pages.query} />
      {check.isError ? <Alert type="error">{check.error.message}</Alert> : null}
      {check.data ? (
        check.data.broken ? (
          <Alert type="error" header="The chain is broken">
            {check.data.broken}
          </Alert>
        ) : (
          <Alert type="success" header="The chain is whole">
            {count(check.data.records)} records, each with the hash of the one before it, counted again in this browser. The last is{" "}
            <span className="mono">{check.data.head.slice(0, 16) || "none"}</span>: note it elsewhere, and a chain that was cut will be told.
          </Alert>
        )
      ) : null}
      <Table
        items={pages.items}
        loading={pages.query.isPending}
        loadingText="Loading records"
        trackBy="sequence"
        wrapLines
        enableKeyboardNavigation
        header={
          <Header
            variant="h1"
            description="Every request that may change something, written down before it is carried out, and what came of it. Times are the API's."
            actions={
              <Button loading={check.isPending} onClick={() => check.mutate()}>
                {check.isPending ? `${count(seen)} records checked` : "Verify the chain"}
              </Button>
            }
          >
            Audit
          </Header>
        }
        filter={
          <DatePicker
            value={day}
            onChange={({ detail }) => detail.value && setDay(detail.value)}
            ariaLabel="Day, in UTC"
            i18nStrings={{ openCalendarAriaLabel: (chosen) => `Choose a day${chosen ? `, ${chosen} is chosen` : ""}` }}
          />
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={<Empty title="Nothing was done on this day">Choose another day.</Empty>}
        columnDefinitions={[
          { id: "n", header: "No.", cell: (record) => <span className="figure">{record.sequence}</span>, width: 64 },
          { id: "at", header: "Time", cell: (record) => time(record.at), width: 170 },
          { id: "who", header: "Who, from where", cell: (record) => `${record.actor} (${record.role}), ${record.source || "nowhere"}`, width: 150 },
          { id: "what", header: "What", cell: (record) => record.action, isRowHeader: true, width: 190 },
          { id: "to", header: "To what", cell: (record) => <span className="mono">{record.resource}</span>, width: 190 },
          { id: "outcome", header: "Outcome", cell: (record) => <Outcome record={record} />, width: 110 },
          { id: "detail", header: "Detail", cell: (record) => <Detail text={record.detail} />, minWidth: 160 },
        ]}
      />
    </SpaceBetween>
  );
}

function Outcome({ record }: { record: AuditRecord }) {
  const bad = /refused|failed|error|denied/.test(record.outcome);
  const type = bad ? "error" : record.outcome === "asked" ? "pending" : "success";
  return <StatusIndicator type={type}>{record.outcome}</StatusIndicator>;
}
