// The choices that a kind of run has.
import Checkbox from "@cloudscape-design/components/checkbox";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useQuery } from "@tanstack/react-query";
import { askRuns } from "../api/asking";
import { useApi, useMay } from "../app/context";
import { time } from "../parts/format";
import { type Draft, type Scope, faultsOf } from "./draft";

interface Props {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
}

export function Choices({ draft, change }: Props) {
  return (
    <SpaceBetween size="l">
      {draft.kind === "backup" ? <BackupMode draft={draft} change={change} /> : <Rehearsal draft={draft} change={change} />}
      <ScopeChoice draft={draft} change={change} />
      {draft.kind === "rollback" ? null : <Further draft={draft} change={change} />}
    </SpaceBetween>
  );
}

function BackupMode({ draft, change }: Props) {
  return (
    <FormField label="Which files" stretch>
      <RadioGroup
        value={draft.mode}
        onChange={({ detail }) => change({ mode: detail.value as Draft["mode"] })}
        items={[
          { value: "full", label: "Full", description: "Looks at every entry. What is copied and unchanged is skipped." },
          { value: "incremental", label: "Incremental", description: "Looks only at accounts in which something changed since the last backup." },
        ]}
      />
    </FormField>
  );
}

function Rehearsal({ draft, change }: Props) {
  const admin = useMay("admin");
  return (
    <FormField label="Rehearse or execute" stretch>
      <RadioGroup
        value={draft.dryRun ? "dry_run" : "execute"}
        onChange={({ detail }) => change({ dryRun: detail.value === "dry_run" })}
        items={[
          { value: "dry_run", label: "Dry run", description: "Shows every old and new link. Writes nothing, anywhere." },
          ...(admin
            ? [
                {
                  value: "execute",
                  label: "Execute",
                  description:
                    draft.kind === "cutover" ? "Switches the links of verified files in Salesforce." : "Puts the old links back into Salesforce.",
                },
              ]
            : []),
        ]}
      />
    </FormField>
  );
}

function ScopeChoice({ draft, change }: Props) {
  const faults = faultsOf(draft);
  return (
    <SpaceBetween size="s">
      <FormField label="Scope" stretch>
        <RadioGroup
          value={draft.scope}
          onChange={({ detail }) => change({ scope: detail.value as Scope })}
          items={[
            { value: "all", label: draft.kind === "rollback" ? "Everything that was switched" : "All accounts" },
            { value: "accounts", label: "Only some accounts" },
            ...(draft.kind === "rollback" ? [{ value: "run", label: "What one cutover switched" }] : []),
          ]}
        />
      </FormField>
      {draft.scope === "accounts" ? (
        <FormField label="Ids of accounts" description="With commas, blanks or lines between." errorText={draft.accounts ? faults.accounts : undefined}>
          <Textarea value={draft.accounts} onChange={({ detail }) => change({ accounts: detail.value })} rows={3} placeholder="001..." />
        </FormField>
      ) : null}
      {draft.scope === "run" && draft.kind === "rollback" ? <Cutovers draft={draft} change={change} /> : null}
    </SpaceBetween>
  );
}

function Cutovers({ draft, change }: Props) {
  const api = useApi();
  const runs = useQuery({ queryKey: ["runs", "cutovers"], queryFn: () => askRuns(api, { kind: "cutover", limit: 100 }) });
  const options = (runs.data?.items ?? [])
    .filter((run) => run.kind === "cutover" && !run.dry_run)
    .map((run) => ({ value: run.run_id, label: time(run.started_at), description: `${run.run_id}, ${run.files?.switched ?? 0} switched` }));
  const chosen = options.find((each) => each.value === draft.runId);
  return (
    <FormField label="Cutover">
      <Select
        options={options}
        selectedOption={chosen ?? (draft.runId ? { value: draft.runId, label: draft.runId } : null)}
        placeholder="Choose a cutover"
        statusType={runs.isPending ? "loading" : "finished"}
        empty="Nothing was cut over yet."
        onChange={({ detail }) => change({ runId: detail.selectedOption.value ?? "" })}
      />
    </FormField>
  );
}

function Further({ draft, change }: Props) {
  const faults = faultsOf(draft);
  return (
    <ExpandableSection headerText="More choices">
      <SpaceBetween size="m">
        {draft.kind === "backup" ? (
          <>
            <Checkbox checked={draft.dryRun} onChange={({ detail }) => change({ dryRun: detail.checked })} description="Lists what would be copied, and copies nothing.">
              Dry run
            </Checkbox>
            <Checkbox checked={draft.deep} onChange={({ detail }) => change({ deep: detail.checked })} description="Reads both sides of every file, and compares their hashes. Slow.">
              Deep comparison
            </Checkbox>
            <FormField label="Files per account, at most" description="For a first try. Empty: all." errorText={faults.maxFiles}>
              <Input value={draft.maxFiles} onChange={({ detail }) => change({ maxFiles: detail.value })} inputMode="numeric" />
            </FormField>
          </>
        ) : (
          <>
            <Checkbox checked={draft.strict} onChange={({ detail }) => change({ strict: detail.checked })} description="Begins only if every file is verified.">
              Strict
            </Checkbox>
            <Checkbox checked={draft.careful} onChange={({ detail }) => change({ careful: detail.checked })} description="Row by row, refusing any that was modified meanwhile. Slow, and dear in API calls.">
              Careful
            </Checkbox>
            <Checkbox
              checked={draft.allowPrivateLinks}
              onChange={({ detail }) => change({ allowPrivateLinks: detail.checked })}
              description="Begins although new links do not open without credentials."
            >
              Allow private links
            </Checkbox>
          </>
        )}
      </SpaceBetween>
    </ExpandableSection>
  );
}
