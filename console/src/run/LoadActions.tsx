// What follows from a load: its dry run is carried out, rows that it did not write are tried again, what it did is undone.
import Button from "@cloudscape-design/components/button";
import { useState } from "react";
import { said } from "../api/client";
import type { RunView } from "../api/types";
import { useMay, useWaybill } from "../app/context";
import { ConfirmWrite } from "../parts/ConfirmWrite";
import { count } from "../parts/format";
import { problemsOf } from "../parts/runs";
import { OWN, executionOf, undoable } from "../records/loads";
import { useStart } from "./useStart";

export function LoadActions({ run }: { run: RunView }) {
  const admin = useMay("admin");
  const operator = useMay("operator");
  const { tell } = useWaybill();
  const [asking, setAsking] = useState(false);
  const start = useStart();
  const begin = (asked: object) =>
    start.mutate(asked, {
      onError: (error) =>
        tell({ type: "error", header: "It was not started", content: said(error) }),
    });
  const execution = executionOf(run);
  const undo = run.kind === "undo";
  const retriable = run.kind === "load" && !run.dry_run && run.ended_at !== null && problemsOf(run) > 0;
  return (
    <>
      {execution && admin ? (
        <Button variant="primary" loading={start.isPending} onClick={() => setAsking(true)}>
          {undo ? "Undo the load" : "Load these rows"}
        </Button>
      ) : null}
      {retriable && operator ? (
        <Button loading={start.isPending} onClick={() => begin({ kind: "load", mode: "dry_run", retry_of: run.run_id })}>
          Dry run of the rows left
        </Button>
      ) : null}
      {undoable(run) && operator ? (
        <Button iconName="undo" loading={start.isPending} onClick={() => begin({ kind: "undo", mode: "dry_run", run_id: run.run_id })}>
          Plan the undo
        </Button>
      ) : null}
      {execution ? (
        <ConfirmWrite
          visible={asking}
          title={undo ? "Undo this load?" : "Load these rows?"}
          action={undo ? "Undo the load" : "Load"}
          word={undo ? "undo" : "load"}
          org={run.org ?? OWN}
          onDismiss={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            begin(execution);
          }}
        >
          {undo ? undoText(run) : loadText(run)}
        </ConfirmWrite>
      ) : null}
    </>
  );
}

function loadText({ rows, load, input }: RunView): string {
  const deletes = load?.allow_delete ? " It may delete rows, as its plan says; they are kept for an undo." : "";
  return `${input ?? "The rows left"}: ${count(rows?.inserted)} rows are inserted, ${count(rows?.updated)} updated, by what the org holds then.${deletes} It can be undone.`;
}

function undoText({ rows }: RunView): string {
  const left = rows?.rejected ? ` ${count(rows.rejected)} rows are left as they are, for the reasons given.` : "";
  const again = rows?.inserted ? ` ${count(rows.inserted)} deleted rows are created again, under new ids.` : "";
  return `${count(rows?.updated)} rows get their old values back, and ${count(rows?.deleted)} inserted rows are deleted.${again}${left}`;
}
