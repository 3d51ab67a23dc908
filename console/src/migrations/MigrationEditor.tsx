// A migration that is begun or changed: its name, its org, its phases with their tasks.
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useOrgs } from "../api/asking";
import { given } from "../api/client";
import type { MigrationView } from "../api/types";
import { useApi } from "../app/context";
import { FormEnd } from "../parts/FormEnd";
import { type Draft, type PhaseDraft, USUAL, bodyOf, draftOf, faultOf } from "./draft";

export function MigrationEditor(props: { before: MigrationView | null; onDone: (saved: MigrationView | null) => void }) {
  const { before, onDone } = props;
  const api = useApi();
  const queries = useQueryClient();
  const orgs = useOrgs();
  const [draft, setDraft] = useState<Draft>(before ? draftOf(before) : USUAL);
  const places = (orgs.data?.items ?? []).map((org) => ({ value: org.name, label: org.name, labelTag: org.production ? "Production" : "Sandbox" }));
  const setPhases = (change: (phases: PhaseDraft[]) => PhaseDraft[]) => setDraft((was) => ({ ...was, phases: change(was.phases) }));
  const fault = faultOf(draft);
  const save = useMutation({
    mutationFn: () => {
      const body = bodyOf(draft);
      return before ? given(api.PUT("/api/migrations/{migration_id}", { params: { path: { migration_id: before.id } }, body })) : given(api.POST("/api/migrations", { body }));
    },
    onSuccess: async (saved) => {
      await queries.invalidateQueries({ queryKey: ["migrations"] });
      onDone(saved);
    },
  });
  return (
    <Container header={<Header variant="h2">{before ? "Change the migration" : "New migration"}</Header>}>
      <SpaceBetween size="l">
        <ColumnLayout columns={2}>
          <FormField label="Name">
            <Input value={draft.name} onChange={({ detail }) => setDraft((was) => ({ ...was, name: detail.value }))} placeholder="Spring price books" />
          </FormField>
          <FormField label="Org">
            <Select
              options={places}
              selectedOption={places.find((each) => each.value === draft.org) ?? { value: draft.org, label: draft.org }}
              triggerVariant="option"
              statusType={orgs.isPending ? "loading" : "finished"}
              onChange={({ detail }) => setDraft((was) => ({ ...was, org: detail.selectedOption.value ?? was.org }))}
            />
          </FormField>
        </ColumnLayout>
        {draft.phases.map((phase, at) => (
          <Phase
            key={at}
            phase={phase}
            number={at + 1}
            onChange={(changed) => setPhases((phases) => phases.map((each, other) => (other === at ? changed : each)))}
            onRemove={() => setPhases((phases) => phases.filter((_, other) => other !== at))}
          />
        ))}
        <Button iconName="add-plus" onClick={() => setPhases((phases) => [...phases, { name: "", tasks: [] }])}>
          Add a phase
        </Button>
        <FormEnd action="Save" fault={fault} refused="It was not saved" sending={save} onLeave={() => onDone(null)} />
      </SpaceBetween>
    </Container>
  );
}

function Phase(props: { phase: PhaseDraft; number: number; onChange: (phase: PhaseDraft) => void; onRemove: () => void }) {
  const { phase, number, onChange, onRemove } = props;
  const runs = phase.tasks.reduce((sum, task) => sum + task.runs.length, 0);
  return (
    <fieldset className="phase">
      <legend>Phase {number}</legend>
      <div className="editing">
        <Input ariaLabel={`Name of phase ${number}`} value={phase.name} onChange={({ detail }) => onChange({ ...phase, name: detail.value })} placeholder="Load" />
        <Button variant="icon" iconName="remove" ariaLabel={`Remove phase ${number}`} disabled={runs > 0} disabledReason="Runs belong to its tasks." onClick={onRemove} />
      </div>
      {phase.tasks.map((task, at) => (
        <div className="editing task" key={at}>
          <Input
            ariaLabel={`Task ${at + 1} of phase ${number}`}
            value={task.name}
            onChange={({ detail }) => onChange({ ...phase, tasks: phase.tasks.map((each, other) => (other === at ? { ...each, name: detail.value } : each)) })}
          />
          <Button
            variant="icon"
            iconName="remove"
            ariaLabel={`Remove task ${at + 1} of phase ${number}`}
            disabled={task.runs.length > 0}
            disabledReason="Runs belong to it."
            onClick={() => onChange({ ...phase, tasks: phase.tasks.filter((_, other) => other !== at) })}
          />
        </div>
      ))}
      <div className="task">
        <Button variant="inline-link" iconName="add-plus" onClick={() => onChange({ ...phase, tasks: [...phase.tasks, { name: "", runs: [] }] })} ariaLabel={`Add a task to phase ${number}`}>
          Add a task
        </Button>
      </div>
    </fieldset>
  );
}
