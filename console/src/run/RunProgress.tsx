// How far a run is, how fast it goes, when it will be done.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { RunView } from "../api/types";
import { between, bytes, count, duration, words } from "../parts/format";
import { useNow } from "../parts/now";
import { type Sample, figuresOf, isLive, progressOf, rateOf, remaining, share, unitOf } from "../parts/runs";

export function RunProgress({ run, samples }: { run: RunView; samples: Sample[] }) {
  const live = isLive(run);
  const now = useNow(live);
  const progress = progressOf(run);
  const { done, total } = progress;
  const rate = rateOf(samples);
  const left = live ? remaining(progress, rate) : null;
  const seconds = run.ended_at ? (Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000 : null;
  const average = seconds ? done / seconds : null;
  const pace = live ? rate : average;
  return (
    <SpaceBetween size="m">
      {run.message ? (
        <Alert type={run.status === "failed" || run.status === "refused" ? "error" : "info"}>{run.message}</Alert>
      ) : null}
      <ProgressBar
        value={share(run)}
        status={run.status === "failed" || run.status === "refused" ? "error" : run.status === "completed" ? "success" : "in-progress"}
        label={live ? words(run.phase) : `${words(run.status)} after ${between(run.started_at, run.ended_at, now)}`}
        resultText={`${count(done)} of ${count(total)} ${unitOf(run)}`}
        description={live ? `${count(done)} of ${total ? count(total) : "so far unknown"} ${unitOf(run)}` : undefined}
        ariaLabel="Progress of the run"
      />
      <ColumnLayout columns={4} variant="text-grid" minColumnWidth={130}>
        <Figure label={live ? "Running for" : "Took"} value={between(run.started_at, run.ended_at, now)} />
        <Figure label={live ? "Pace" : "Average pace"} value={pace === null ? "–" : `${count(Math.round(pace * 10) / 10)} ${unitOf(run)}/s`} />
        {live ? <Figure label="Remaining" value={left === null ? "–" : `about ${duration(left)}`} /> : null}
        {run.files && run.kind !== "rollback" ? <Figure label="Data copied" value={bytes(run.files.bytes)} /> : null}
        {figuresOf(run).map(([label, number, tone]) => (
          <Figure key={label} label={label} value={count(number)} bad={tone === "bad" && number > 0} />
        ))}
      </ColumnLayout>
    </SpaceBetween>
  );
}

function Figure({ label, value, bad = false }: { label: string; value: string; bad?: boolean }) {
  return (
    <div>
      <Box variant="awsui-key-label">{label}</Box>
      <Box fontSize="heading-m" fontWeight="bold" color={bad ? "text-status-error" : "inherit"}>
        <span className="figure">{value}</span>
      </Box>
    </div>
  );
}
