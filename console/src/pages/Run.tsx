// One run: how far it is, what it met, and what may be asked of it.
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { type ReactNode, useState } from "react";
import { useParams } from "react-router";
import { SOON, useRun } from "../api/asking";
import type { RunView } from "../api/types";
import type { RunEvent } from "../live/feed";
import { useFeed } from "../live/useFeed";
import { Copyable, Go } from "../parts/Go";
import { Loaded } from "../parts/Loaded";
import { Place } from "../parts/Place";
import { RunStatus } from "../parts/Status";
import { ThroughputChart } from "../parts/ThroughputChart";
import { clock, time, words } from "../parts/format";
import { isLive, problemsOf, titleOf } from "../parts/runs";
import { OWN } from "../records/loads";
import { ApprovalPanel } from "../run/ApprovalPanel";
import { Controls } from "../run/Controls";
import { RunAccounts } from "../run/RunAccounts";
import { RunErrors } from "../run/RunErrors";
import { RunLog } from "../run/RunLog";
import { RunProgress } from "../run/RunProgress";
import { RunRows } from "../run/RunRows";

export function Component() {
  const { runId = "" } = useParams();
  const [pace, setPace] = useState(SOON);
  const run = useRun(runId, pace);
  const feed = useFeed(runId, run.data ? isLive(run.data.run) : false);
  // Where events come there is little to look for.
  const wanted = feed.connected ? 5 * SOON : SOON;
  if (pace !== wanted) setPace(wanted);
  return (
    <Loaded query={run} height={400}>
      {({ run: data, samples }) => (
        <ContentLayout
          header={
            <Header
              variant="h1"
              description={
                <>
                  <span className="mono">
                    {data.run_id} <Copyable text={data.run_id} what="the run's id" />
                  </span>
                  {data.rows ? <Place name={data.org ?? OWN} /> : null}
                </>
              }
              actions={<Controls run={data} />}
            >
              {titleOf(data)} <RunStatus status={data.status} problems={problemsOf(data)} />
            </Header>
          }
        >
          <SpaceBetween size="l">
            {data.approval ? <ApprovalPanel run={data} approval={data.approval} /> : null}
            <Container
              header={
                <Header variant="h2" actions={isLive(data) ? <LiveMark connected={feed.connected} /> : null}>
                  Progress
                </Header>
              }
            >
              <RunProgress run={data} samples={samples} />
            </Container>
            {isLive(data) && feed.troubles.length ? <Troubles events={feed.troubles} /> : null}
            <Tabs
              tabs={[
                ...(data.files ? [{ id: "accounts", label: "Accounts", content: <RunAccounts run={data} /> }] : []),
                ...(data.rows && data.ended_at && data.status !== "refused" ? [{ id: "rows", label: "Rows", content: <RunRows run={data} /> }] : []),
                { id: "errors", label: errorsLabel(data), content: <RunErrors run={data} /> },
                ...(data.files ? [{ id: "pace", label: "Throughput", content: <Container><ThroughputChart run={data} /></Container> }] : []),
                { id: "log", label: "Steps", content: <RunLog run={data} /> },
                { id: "details", label: "Details", content: <Details run={data} /> },
              ]}
            />
          </SpaceBetween>
        </ContentLayout>
      )}
    </Loaded>
  );
}

function LiveMark({ connected }: { connected: boolean }) {
  return connected ? (
    <StatusIndicator type="success">Live</StatusIndicator>
  ) : (
    <StatusIndicator type="pending">Looked at every second</StatusIndicator>
  );
}

function Troubles({ events }: { events: RunEvent[] }) {
  return (
    <Container header={<Header variant="h2">Errors as they come</Header>}>
      <ul className="troubles" aria-live="polite">
        {events.slice(0, 5).map((event) => (
          <li key={event.sequence}>
            <span className="figure quiet">{clock(event.time)}</span>{" "}
            <StatusIndicator type="error">{words(String(event.data.error).toLowerCase())}</StatusIndicator>{" "}
            {nameIn(event)} <span className="quiet">{String(event.data.details)}</span>
          </li>
        ))}
      </ul>
    </Container>
  );
}

function nameIn({ data }: RunEvent): string {
  return [data.name, data.entry_id, data.account_id].find((each): each is string => typeof each === "string" && each !== "") ?? "";
}

function errorsLabel(run: RunView): string {
  const problems = problemsOf(run);
  const label = run.kind === "undo" ? "Left alone" : run.kind === "sync" ? "Conflicts" : "Errors";
  return problems ? `${label} (${problems})` : label;
}

function Details({ run }: { run: RunView }) {
  return (
    <Container>
      <KeyValuePairs
        columns={3}
        items={[
          { label: "Asked for by", value: run.requested_by },
          { label: "Started", value: time(run.started_at) },
          { label: "Ended", value: time(run.ended_at) },
          { label: "Mode", value: words(run.mode) },
          ...(run.files ? [{ label: "Accounts", value: run.accounts?.length ? run.accounts.join(", ") : "All" }] : []),
          ...(run.rows ? recordsOf(run) : []),
          { label: "Execution", value: <span className="mono">{run.execution_arn}</span> },
          ...requestsOf(run),
        ]}
      />
      {run.ended_at ? null : <Box color="text-body-secondary">The calls made are told when the run has ended.</Box>}
    </Container>
  );
}

// What a run of records was asked.
function recordsOf({ org, from_org, input, mapping, load, undoes, workbook }: RunView) {
  const rows: [string, ReactNode][] = [
    ["Org", <Place key="org" name={org ?? OWN} />],
    ["Rows from", from_org ? <Place key="from" name={from_org} /> : null],
    ["Input", input],
    ["Mapping", mapping],
    ["Object", load?.object],
    ["Key", load?.external_id],
    ["Rows that are there", load?.write && load.write !== "upsert" ? WRITES[load.write] : null],
    ["Deletes", load?.allow_delete ? "What its plan says" : null],
    ["Tries again", load?.retry_of ? <Go key="retry" to={`/runs/${load.retry_of}`}>{load.retry_of}</Go> : null],
    ["Undoes", undoes ? <Go key="undo" to={`/runs/${undoes}`}>{undoes}</Go> : null],
    ["Workbook", workbook],
  ];
  return rows.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([label, value]) => ({ label, value }));
}

const WRITES: Record<string, string> = { insert: "Left as they are", update: "Updated; others are rejected" };

function requestsOf(run: RunView) {
  return Object.entries(run.requests).map(([service, operations]) => ({
    label: `Calls to ${service}`,
    value: Object.entries(operations)
      .map(([name, number]) => `${name}: ${number}`)
      .join(", "),
  }));
}
