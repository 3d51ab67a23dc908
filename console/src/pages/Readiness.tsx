// May the cutover begin? Each check, and what to do where it is not met.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate } from "react-router";
import { useReadiness } from "../api/asking";
import { useMay } from "../app/context";
import { Checks } from "../parts/Checks";
import { Loaded } from "../parts/Loaded";
import { count } from "../parts/format";

export function Component() {
  const readiness = useReadiness();
  const go = useNavigate();
  const operator = useMay("operator");
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description="What a cutover looks at before it begins. Nothing is written."
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" loading={readiness.isFetching} onClick={() => void readiness.refetch()}>
                Check again
              </Button>
              {operator ? (
                <Button variant="primary" onClick={() => void go("/start?kind=cutover&mode=dry_run")}>
                  Plan a dry run
                </Button>
              ) : null}
            </SpaceBetween>
          }
        >
          Readiness for the cutover
        </Header>
      }
    >
      <Loaded query={readiness} height={300}>
        {(data) => {
          const blocked = data.checks.filter((check) => check.blocking && check.ok === false).length;
          return (
            <SpaceBetween size="l">
              {data.ready ? (
                <Alert type="success" header="Ready">
                  The cutover may begin. A dry run first shows what it would do.
                </Alert>
              ) : (
                <Alert type="warning" header="Not ready">
                  {count(blocked)} {blocked === 1 ? "check keeps" : "checks keep"} the cutover from beginning.
                </Alert>
              )}
              <Checks checks={data.checks} title="Checks" />
            </SpaceBetween>
          );
        }}
      </Loaded>
    </ContentLayout>
  );
}
