// Where the migration stands, on one page: files by state, phases, throughput, accounts, errors, last runs.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate } from "react-router";
import { useErrorClasses, useRuns, useStatus } from "../api/asking";
import type { AccountView, RunView, StatusView } from "../api/types";
import { useMay } from "../app/context";
import { Go } from "../parts/Go";
import { Empty, Loaded } from "../parts/Loaded";
import { NextStep } from "../parts/NextStep";
import { Phases } from "../parts/Phases";
import { StateBar } from "../parts/StateBar";
import { ThroughputChart } from "../parts/ThroughputChart";
import { RunStatus } from "../parts/Status";
import { between, bytes, count, time, words } from "../parts/format";
import { useNow } from "../parts/now";
import { askedBy, isLive, outcomeOf, problemsOf, titleOf } from "../parts/runs";

export function Component() {
  const status = useStatus(5_000);
  const runs = useRuns(20);
  const go = useNavigate();
  const operator = useMay("operator");
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description="Files of Salesforce entries, copied into your own bucket and switched over with proof."
          actions={
            operator ? (
              <Button variant="primary" onClick={() => void go("/start")}>
                Plan and start
              </Button>
            ) : null
          }
        >
          Overview
        </Header>
      }
    >
      <SpaceBetween size="l">
        {status.data && runs.data ? <NextStep status={status.data} runs={runs.data.items} /> : null}
        <Container header={<Header variant="h2">Files</Header>}>
          <Loaded query={status} height={150}>
            {(data) => <Files status={data} />}
          </Loaded>
        </Container>
        <Grid gridDefinition={[{ colspan: { default: 12, s: 6 } }, { colspan: { default: 12, s: 6 } }, { colspan: { default: 12, s: 6 } }, { colspan: { default: 12, s: 6 } }]}>
          <Container fitHeight header={<Header variant="h2">Phases</Header>}>
            <Loaded query={status} height={230}>
              {(data) => <Phases status={data} />}
            </Loaded>
          </Container>
          <Container fitHeight header={<Header variant="h2">Throughput</Header>}>
            <Loaded query={runs} height={230}>
              {(data) => <ThroughputChart run={data.items.find(isLive) ?? data.items.find((run) => run.files?.copied) ?? data.items[0]} />}
            </Loaded>
          </Container>
          <Container fitHeight header={<Header variant="h2">Largest accounts</Header>}>
            <Loaded query={status} height={230}>
              {(data) => <TopAccounts accounts={data.accounts.top} />}
            </Loaded>
          </Container>
          <Container
            fitHeight
            header={
              <Header variant="h2" actions={<Go to="/errors">All errors</Go>}>
                Errors by class
              </Header>
            }
          >
            <ErrorsByClass />
          </Container>
        </Grid>
        <Container
          header={
            <Header variant="h2" actions={<Go to="/runs">All runs</Go>}>
              Last runs
            </Header>
          }
        >
          <Loaded query={runs} height={160}>
            {(data) => <LastRuns runs={data.items.slice(0, 6)} />}
          </Loaded>
        </Container>
      </SpaceBetween>
    </ContentLayout>
  );
}

function Files({ status }: { status: StatusView }) {
  const { files, accounts } = status;
  const { total, bytes: size, success_rate: rate, ...states } = files;
  return (
    <SpaceBetween size="m">
      <ColumnLayout columns={4} variant="text-grid" minColumnWidth={140}>
        <Figure label="Files known" value={count(total)} />
        <Figure label="Copied and verified" value={rate === null ? "–" : `${(100 * rate).toFixed(rate === 1 ? 0 : 2)} %`} />
        <Figure label="Copied" value={bytes(size)} />
        <Figure label="Accounts complete" value={`${count(accounts.complete)} of ${count(accounts.total)}`} />
      </ColumnLayout>
      <StateBar states={states} legend />
    </SpaceBetween>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Box variant="awsui-key-label">{label}</Box>
      <Box variant="awsui-value-large">
        <span className="figure">{value}</span>
      </Box>
    </div>
  );
}

function TopAccounts({ accounts }: { accounts: AccountView[] }) {
  if (!accounts.length) return <Empty title="No accounts yet">The first backup lists them.</Empty>;
  return (
    <table className="plain">
      <thead>
        <tr>
          <th scope="col">Account</th>
          <th scope="col" className="number">
            Files
          </th>
          <th scope="col">By state</th>
        </tr>
      </thead>
      <tbody>
        {accounts.slice(0, 6).map((account) => (
          <tr key={account.account_id}>
            <td>
              <Go to={`/accounts/${account.account_id}`} state={account.name}>{account.name || account.account_id}</Go>
            </td>
            <td className="number figure">{count(account.files)}</td>
            <td className="wide">
              <StateBar states={account.states} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ErrorsByClass() {
  const errors = useErrorClasses();
  return (
    <Loaded query={errors} height={230}>
      {(data) =>
        data.classes.length ? (
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">Class</th>
                <th scope="col" className="number">
                  Files
                </th>
                <th scope="col">What to do</th>
              </tr>
            </thead>
            <tbody>
              {data.classes.slice(0, 6).map((group) => (
                <tr key={group.class}>
                  <td>{words(group.class.toLowerCase())}</td>
                  <td className="number figure">{count(group.count)}</td>
                  <td className="wide">{group.what_to_do}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <Empty title="No errors">Every file that was looked at could be dealt with.</Empty>
        )
      }
    </Loaded>
  );
}

// A plain table: the page that comes first is to come fast.
function LastRuns({ runs }: { runs: RunView[] }) {
  const now = useNow(runs.some((run) => !run.ended_at));
  if (!runs.length) return <Empty title="No runs yet">Plan and start the first backup.</Empty>;
  return (
    <table className="plain">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Status</th>
          <th scope="col">Started</th>
          <th scope="col">Took</th>
          <th scope="col">Outcome</th>
          <th scope="col">By</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <tr key={run.run_id}>
            <td>
              <Go to={`/runs/${run.run_id}`}>{titleOf(run)}</Go>
            </td>
            <td className="whole">
              <RunStatus status={run.status} problems={problemsOf(run)} />
            </td>
            <td className="figure whole">{time(run.started_at)}</td>
            <td className="figure whole">{between(run.started_at, run.ended_at, now)}</td>
            <td className="figure">{outcomeOf(run)}</td>
            <td>{askedBy(run)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
