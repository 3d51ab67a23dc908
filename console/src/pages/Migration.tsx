// One migration: its phases, their tasks, and the runs of each.
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { given } from "../api/client";
import type { MigrationView, TaskView } from "../api/types";
import { useApi, useMay, useWaybill } from "../app/context";
import { AttachRun } from "../migrations/AttachRun";
import { MigrationEditor } from "../migrations/MigrationEditor";
import { Standing } from "../migrations/status";
import { Confirm } from "../parts/Confirm";
import { Go } from "../parts/Go";
import { Loaded } from "../parts/Loaded";
import { Place } from "../parts/Place";
import { RunStatus } from "../parts/Status";
import { time } from "../parts/format";
import { KINDS } from "../parts/runs";

type Phase = MigrationView["phases"][number];

export function Component() {
  const { migrationId = "" } = useParams();
  const api = useApi();
  const migration = useQuery({
    queryKey: ["migrations", migrationId],
    queryFn: () => given(api.GET("/api/migrations/{migration_id}", { params: { path: { migration_id: migrationId } } })),
    refetchInterval: 5_000,
  });
  return (
    <Loaded query={migration} height={400}>
      {(data) => <Shown migration={data} />}
    </Loaded>
  );
}

function Shown({ migration }: { migration: MigrationView }) {
  const operator = useMay("operator");
  const [editing, setEditing] = useState(false);
  const [attaching, setAttaching] = useState<string | null>(null);
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={<Place name={migration.org} />} actions={<Actions migration={migration} onEdit={() => setEditing(true)} />}>
          {migration.name} <Standing status={migration.status} />
        </Header>
      }
    >
      {editing ? (
        <MigrationEditor before={migration} onDone={() => setEditing(false)} />
      ) : (
        <SpaceBetween size="l">
          <Container>
            <ProgressBar
              value={migration.progress}
              label="Tasks done"
              description={`Begun ${time(migration.created_at)} by ${migration.created_by}${migration.completed_at ? `, done ${time(migration.completed_at)}` : ""}`}
            />
          </Container>
          {migration.phases.map((phase, at) => (
            <Container
              key={phase.name + String(at)}
              header={
                <Header variant="h2" counter={`${phase.progress} %`} actions={<Standing status={phase.status} />}>
                  {at + 1}. {phase.name}
                </Header>
              }
            >
              <Tasks phase={phase} onAttach={operator ? setAttaching : null} />
            </Container>
          ))}
        </SpaceBetween>
      )}
      {attaching ? <AttachRun key={attaching} migration={migration} task={attaching} onDone={() => setAttaching(null)} /> : null}
    </ContentLayout>
  );
}

function Tasks({ phase, onAttach }: { phase: Phase; onAttach: ((task: string) => void) | null }) {
  if (!phase.tasks.length) return <>No tasks yet.</>;
  return (
    <table className="plain">
      <thead>
        <tr>
          <th scope="col">Task</th>
          <th scope="col">Status</th>
          <th scope="col">Runs</th>
          {onAttach ? <th scope="col">Add</th> : null}
        </tr>
      </thead>
      <tbody>
        {phase.tasks.map((task) => (
          <tr key={task.name}>
            <td className="third">{task.name}</td>
            <td className="whole">
              <Standing status={task.status} />
            </td>
            <td className="wide">
              <Runs task={task} />
            </td>
            {onAttach ? (
              <td className="whole">
                <Button variant="inline-link" ariaLabel={`Add a run to ${task.name}`} onClick={() => onAttach(task.name)}>
                  A run
                </Button>
              </td>
            ) : null}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Runs({ task }: { task: TaskView }) {
  if (!task.runs.length) return <>–</>;
  return (
    <ul className="changes">
      {task.runs.map((run) => (
        <li key={run.run_id}>
          {run.status ? (
            <>
              <Go to={`/runs/${run.run_id}`}>
                {KINDS[run.kind ?? ""] ?? run.run_id}
                {run.dry_run ? ", dry run" : ""}, {time(run.started_at)}
              </Go>{" "}
              <RunStatus status={run.status} />
            </>
          ) : (
            <span className="quiet">{run.run_id}: its record is gone</span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Actions({ migration, onEdit }: { migration: MigrationView; onEdit: () => void }) {
  const api = useApi();
  const go = useNavigate();
  const admin = useMay("admin");
  const operator = useMay("operator");
  const { tell } = useWaybill();
  const queries = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const remove = useMutation({
    mutationFn: () => given(api.DELETE("/api/migrations/{migration_id}", { params: { path: { migration_id: migration.id } } })),
    onSuccess: async () => {
      tell({ type: "success", content: `${migration.name} is deleted. Its runs stay.` });
      await go("/migrations");
      queries.removeQueries({ queryKey: ["migrations"] });
    },
    onError: (error) => tell({ type: "error", content: error.message }),
  });
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {admin ? (
        <Button loading={remove.isPending} onClick={() => setDeleting(true)}>
          Delete
        </Button>
      ) : null}
      {operator ? <Button onClick={onEdit}>Change</Button> : null}
      <Confirm
        visible={deleting}
        title={`Delete ${migration.name}?`}
        action="Delete the migration"
        onDismiss={() => setDeleting(false)}
        onConfirm={() => {
          setDeleting(false);
          remove.mutate();
        }}
      >
        Its phases and tasks are forgotten. The runs stay, and so does what they have done in <Place name={migration.org} />.
      </Confirm>
    </SpaceBetween>
  );
}
