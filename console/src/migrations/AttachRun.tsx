// Says that a run belongs to a task: how far the task is follows from its runs.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useRuns } from "../api/asking";
import { given } from "../api/client";
import type { MigrationView } from "../api/types";
import { useApi, useWaybill } from "../app/context";
import { time } from "../parts/format";
import { titleOf } from "../parts/runs";

export function AttachRun({ migration, task, onDone }: { migration: MigrationView; task: string; onDone: () => void }) {
  const api = useApi();
  const { tell } = useWaybill();
  const queries = useQueryClient();
  const runs = useRuns(100);
  const [run, setRun] = useState("");
  const known = new Set(migration.phases.flatMap((phase) => phase.tasks.filter((each) => each.name === task).flatMap((each) => each.runs.map(({ run_id }) => run_id))));
  const options = (runs.data?.items ?? [])
    .filter((each) => !known.has(each.run_id))
    .map((each) => ({ value: each.run_id, label: `${titleOf(each)}, ${time(each.started_at)}`, description: [each.run_id, each.input].filter(Boolean).join(", ") }));
  const attach = useMutation({
    mutationFn: () => given(api.POST("/api/migrations/{migration_id}/runs", { params: { path: { migration_id: migration.id } }, body: { task, run_id: run } })),
    onError: (error) => tell({ type: "error", header: "This was not done", content: error.message }),
    onSuccess: onDone,
    onSettled: () => void queries.invalidateQueries({ queryKey: ["migrations"] }),
  });
  return (
    <Modal
      visible
      header={`A run of ${task}`}
      onDismiss={onDone}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onDone}>
              Leave it
            </Button>
            <Button variant="primary" loading={attach.isPending} disabled={!run} disabledReason="Choose a run first." onClick={() => attach.mutate()}>
              Add the run
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <FormField label="Run" description="The latest hundred.">
        <Select
          options={options}
          selectedOption={options.find((each) => each.value === run) ?? null}
          filteringType="auto"
          placeholder="Choose a run"
          empty="There is no further run."
          statusType={runs.isPending ? "loading" : "finished"}
          onChange={({ detail }) => setRun(detail.selectedOption.value ?? "")}
        />
      </FormField>
    </Modal>
  );
}
