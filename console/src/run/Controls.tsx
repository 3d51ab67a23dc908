// What may be asked of a run now, by who is logged in: pause, resume, cancel, retry, its report.
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { said } from "../api/client";
import type { RunView } from "../api/types";
import { useApi, useMay, useWaybill } from "../app/context";
import { Confirm } from "../parts/Confirm";
import { isLive } from "../parts/runs";
import { saveWorkbook } from "../sync/workbook";
import { LoadActions } from "./LoadActions";
import { REPORTS, saveReport } from "./report";

const STOPPED = new Set(["paused", "failed", "cancelled"]);

// A verb of a run, as POST /api/runs/{id}/{verb}; what came of it is told at the top.
export function useAct(run: RunView) {
  const api = useApi();
  const { tell } = useWaybill();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (asked: { verb: string; body?: unknown; done: string }) => {
      const reply = await api.raw(`/api/runs/${run.run_id}/${asked.verb}`, {
        method: "POST",
        ...(asked.body === undefined
          ? {}
          : { body: JSON.stringify(asked.body), headers: { "Content-Type": "application/json" } }),
      });
      return (await reply.json()) as RunView;
    },
    onSuccess: (_, { done }) => tell({ type: "success", content: done }),
    onError: (error) =>
      tell({ type: "error", header: "This was not done", content: said(error) }),
    onSettled: () => queries.invalidateQueries(),
  });
}

export function Controls({ run }: { run: RunView }) {
  const operator = useMay("operator");
  const admin = useMay("admin");
  const act = useAct(run);
  const go = useNavigate();
  const api = useApi();
  const { tell } = useWaybill();
  const [cancelling, setCancelling] = useState(false);
  const running = run.status === "running";
  const problems = (run.files?.failed ?? 0) + (run.rows?.failed ?? 0) + (run.rows?.rejected ?? 0);
  const mayRetry = run.ended_at && problems > 0 && !run.dry_run && (run.kind === "backup" ? operator : admin);
  const failed = (error: unknown) => tell({ type: "error", content: error instanceof Error ? error.message : "The report could not be loaded." });
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {operator && running ? (
        <Button iconName="pause" loading={act.isPending} onClick={() => act.mutate({ verb: "pause", done: "The run finishes what it has in hand, and stands still." })}>
          Pause
        </Button>
      ) : null}
      {operator && STOPPED.has(run.status) ? (
        <Button iconName="play" variant="primary" loading={act.isPending} onClick={() => act.mutate({ verb: "resume", done: "The run goes on." })}>
          Resume
        </Button>
      ) : null}
      {operator && (isLive(run) || run.status === "paused") ? (
        <Button onClick={() => setCancelling(true)}>Cancel</Button>
      ) : null}
      {mayRetry && run.files ? (
        <Button
          iconName="refresh"
          loading={act.isPending}
          onClick={() => act.mutate({ verb: "retry", body: { mode: "execute" }, done: "A run of the failed files alone has begun." }, { onSuccess: (made) => void go(`/runs/${made.run_id}`) })}
        >
          Retry the failed
        </Button>
      ) : null}
      <LoadActions run={run} />
      {run.kind === "sync" && run.status === "completed" ? (
        <Button iconName="download" onClick={() => void saveWorkbook(api, run.run_id).catch(failed)}>
          Download the workbook
        </Button>
      ) : null}
      {run.ended_at && run.status !== "refused" ? (
        <ButtonDropdown
          items={REPORTS.filter(({ id }) => !id.startsWith("errors") || (run.kind === "load" && problems > 0 && (id !== "errors.xlsx" || run.input?.endsWith(".xlsx"))))}
          onItemClick={({ detail }) =>
            void (detail.id === "errors.xlsx" ? saveWorkbook(api, run.run_id) : saveReport(api, run.run_id, detail.id)).catch(failed)
          }
        >
          Report
        </ButtonDropdown>
      ) : null}
      <Confirm
        visible={cancelling}
        title="Cancel this run?"
        action="Cancel the run"
        onDismiss={() => setCancelling(false)}
        onConfirm={() => {
          setCancelling(false);
          act.mutate({ verb: "cancel", done: "The run ends in good order." });
        }}
      >
        What is in hand is finished, and everything is left consistent. What was copied stays copied, what was switched stays switched.
      </Confirm>
    </SpaceBetween>
  );
}
