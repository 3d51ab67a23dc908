// What follows from a load: its dry run is executed, what it did is undone, rows that it did not write are tried again.
import Button from "@cloudscape-design/components/button";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import type { LoadRequest, RunView } from "../api/types";
import { useApi, useMay, useWaybill } from "../app/context";
import { Confirm } from "../parts/Confirm";
import { problemsOf } from "../parts/runs";
import { remember, remembered } from "../records/loads";

export function LoadActions({ run }: { run: RunView }) {
  const api = useApi();
  const admin = useMay("admin");
  const operator = useMay("operator");
  const go = useNavigate();
  const { tell } = useWaybill();
  const [asking, setAsking] = useState<"load" | "undo" | null>(null);
  const start = useMutation({
    mutationFn: async (asked: unknown) => {
      const reply = await api.raw("/api/runs", { method: "POST", body: JSON.stringify(asked), headers: { "Content-Type": "application/json" } });
      return { asked, runId: ((await reply.json()) as { run_id: string }).run_id };
    },
    onSuccess: async ({ asked, runId }) => {
      remember(runId, asked as LoadRequest);
      await go(`/runs/${runId}`);
    },
    onError: (error) => tell({ type: "error", header: "It was not started", content: error.message }),
  });
  if (run.kind !== "load" || run.status !== "completed") return null;
  const asked = remembered(run.run_id);
  const left = problemsOf(run);
  return (
    <>
      {run.dry_run && asked && admin ? (
        <Button variant="primary" loading={start.isPending} onClick={() => setAsking("load")}>
          Load these rows
        </Button>
      ) : null}
      {!run.dry_run && left > 0 && operator ? (
        <Button loading={start.isPending} onClick={() => start.mutate({ kind: "load", mode: "dry_run", retry_of: run.run_id })}>
          Dry run of the rows left
        </Button>
      ) : null}
      {!run.dry_run && admin ? (
        <Button loading={start.isPending} onClick={() => setAsking("undo")}>
          Undo
        </Button>
      ) : null}
      <Confirm
        visible={asking === "load"}
        title="Load these rows?"
        action="Load"
        word="load"
        onDismiss={() => setAsking(null)}
        onConfirm={() => {
          setAsking(null);
          start.mutate({ ...asked, mode: "execute" });
        }}
      >
        Rows are written to Salesforce as the dry run has shown, by what the org holds then. It can be undone.
      </Confirm>
      <Confirm
        visible={asking === "undo"}
        title="Undo this load?"
        action="Undo the load"
        word="undo"
        onDismiss={() => setAsking(null)}
        onConfirm={() => {
          setAsking(null);
          start.mutate({ kind: "undo", mode: "execute", run_id: run.run_id });
        }}
      >
        Old values are put back, and inserted rows deleted. What somebody has edited since stays as it is.
      </Confirm>
    </>
  );
}
