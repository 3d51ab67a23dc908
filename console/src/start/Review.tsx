// What it takes, what a dry run found, and the button.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { usePlan, useReadiness, useRuns, useSettings } from "../api/asking";
import { said } from "../api/client";
import { useMay } from "../app/context";
import { ConfirmWrite } from "../parts/ConfirmWrite";
import { Go } from "../parts/Go";
import { Loaded } from "../parts/Loaded";
import { bytes, count, dollars, duration, time } from "../parts/format";
import { filesFigures } from "../parts/runs";
import { OWN } from "../records/loads";
import { useStart } from "../run/useStart";
import { type Draft, accountsOf, bodyOf, faultsOf, roleFor } from "./draft";

export function Review({ draft }: { draft: Draft }) {
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">3. What it takes</Header>}>
        <SpaceBetween size="l">
          <Estimate draft={draft} />
          {draft.kind === "backup" ? null : <Rehearsed draft={draft} />}
          {draft.kind === "cutover" && !draft.dryRun ? <Ready /> : null}
        </SpaceBetween>
      </Container>
      <Start draft={draft} />
    </SpaceBetween>
  );
}

function Estimate({ draft }: { draft: Draft }) {
  const plan = usePlan(draft.kind !== "rollback");
  if (draft.kind === "rollback") return <Box>A rollback reads each row again, and puts back only what Waybill wrote itself.</Box>;
  const kind = draft.kind;
  return (
    <Loaded query={plan} height={90}>
      {(data) => {
        const phase = data[kind];
        return (
          <SpaceBetween size="xs">
            <ColumnLayout columns={4} variant="text-grid" minColumnWidth={130}>
              <Figure label="Files in the org" value={count(data.scope.files)} />
              <Figure label="Size, by a sample" value={bytes(data.scope.bytes)} />
              <Figure label="Time, estimated" value={`about ${duration(phase.seconds)}`} />
              <Figure label="Salesforce API calls" value={count(phase.salesforce_calls)} />
              <Figure label="AWS cost" value={dollars(phase.cost_usd)} />
              <Figure label="Bounded by" value={phase.bottleneck} />
            </ColumnLayout>
            <Box fontSize="body-s" color="text-body-secondary">
              For all accounts, nothing copied yet. {data.notes[0]}
            </Box>
          </SpaceBetween>
        );
      }}
    </Loaded>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Box variant="awsui-key-label">{label}</Box>
      <Box fontSize="heading-m" fontWeight="bold">
        <span className="figure">{value}</span>
      </Box>
    </div>
  );
}

// The last dry run of the same kind.
function Rehearsed({ draft }: { draft: Draft }) {
  const runs = useRuns(50);
  return (
    <Loaded query={runs} height={60}>
      {(data) => {
        const found = data.items.find((run) => run.kind === draft.kind && run.dry_run && run.ended_at);
        if (!found)
          return draft.dryRun ? <></> : (
            <Alert type="warning" header="There was no dry run">
              A dry run shows every link that would change, and writes nothing.
            </Alert>
          );
        return (
          <div>
            <Box variant="h3">
              Last dry run: <Go to={`/runs/${found.run_id}`}>{time(found.started_at)}</Go>
            </Box>
            <ColumnLayout columns={4} variant="text-grid" minColumnWidth={130}>
              {filesFigures(found.kind, found.files, true).map(([label, number]) => (
                <Figure key={label} label={label} value={count(number)} />
              ))}
            </ColumnLayout>
          </div>
        );
      }}
    </Loaded>
  );
}

function Ready() {
  const readiness = useReadiness();
  return (
    <Loaded query={readiness} height={50}>
      {(data) =>
        data.ready ? (
          <Alert type="success">
            Every check that could keep the cutover from beginning is met. <Go to="/readiness">See all</Go>
          </Alert>
        ) : (
          <Alert type="error" header="Not ready">
            {data.checks
              .filter((check) => check.blocking && check.ok === false)
              .map((check) => check.fix || check.detail)
              .join(" ")}{" "}
            <Go to="/readiness">See all checks</Go>
          </Alert>
        )
      }
    </Loaded>
  );
}

const BUTTONS = { backup: "Start the backup", cutover: "Start the cutover", rollback: "Start the rollback" };

function Start({ draft }: { draft: Draft }) {
  const settings = useSettings();
  const may = useMay(roleFor(draft));
  const [asking, setAsking] = useState(false);
  const start = useStart();
  const writes = draft.kind !== "backup" && !draft.dryRun;
  const faults = Object.values(faultsOf(draft));
  const text = draft.dryRun ? "Start the dry run" : BUTTONS[draft.kind];
  const accounts = accountsOf(draft).length;
  const stage = settings.data?.stage ?? "this stage";
  return (
    <SpaceBetween size="m">
      {start.isError ? (
        <Alert type="error" header="It was not started">
          {said(start.error)}
        </Alert>
      ) : null}
      <Box float="right">
        {may ? (
          <Button
            variant="primary"
            loading={start.isPending}
            disabled={faults.length > 0}
            disabledReason={faults[0] ?? ""}
            onClick={() => (writes ? setAsking(true) : start.mutate(bodyOf(draft)))}
          >
            {text}
          </Button>
        ) : (
          <Box color="text-body-secondary">An administrator starts what writes to Salesforce.</Box>
        )}
      </Box>
      <ConfirmWrite
        visible={asking}
        title={`${BUTTONS[draft.kind]} on ${stage}?`}
        action={text}
        word={draft.kind === "cutover" ? "cut over" : "roll back"}
        org={OWN}
        onDismiss={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          start.mutate(bodyOf(draft));
        }}
      >
        {draft.kind === "cutover"
          ? `Links of ${accounts ? `${count(accounts)} accounts` : "all accounts"} are switched in Salesforce: users open the copies from then on. Every old link is kept, and a rollback puts it back.`
          : "The old links are put back where the new ones still stand. Copies stay where they are."}
      </ConfirmWrite>
    </SpaceBetween>
  );
}
