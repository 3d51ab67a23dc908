// Checks as a table: met, not met, or not to be told, and what to do.
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import type { Check } from "../api/types";
import { Empty } from "./Loaded";

function Mark({ check }: { check: Check }) {
  if (check.ok) return <StatusIndicator type="success">Met</StatusIndicator>;
  if (check.ok === null) return <StatusIndicator type="info">Not known</StatusIndicator>;
  return check.blocking ? <StatusIndicator type="error">Not met</StatusIndicator> : <StatusIndicator type="warning">Warning</StatusIndicator>;
}

export function Checks({ checks, title }: { checks: Check[]; title: string }) {
  return (
    <Table
      items={checks}
      wrapLines
      trackBy="name"
      enableKeyboardNavigation
      header={<Header variant="h2">{title}</Header>}
      empty={<Empty title="Nothing was checked" />}
      columnDefinitions={[
        { id: "name", header: "Check", cell: (check) => check.name, isRowHeader: true, minWidth: 200 },
        { id: "ok", header: "Result", cell: (check) => <Mark check={check} />, minWidth: 120 },
        { id: "detail", header: "What was found", cell: (check) => check.detail || "–", minWidth: 280 },
        { id: "fix", header: "What to do", cell: (check) => (check.ok ? "–" : check.fix || "–"), minWidth: 240 },
      ]}
    />
  );
}
