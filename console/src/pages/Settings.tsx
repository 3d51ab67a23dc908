// How this stage is configured, secrets masked; and whether everything is in place.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { given } from "../api/client";
import { useSettings } from "../api/asking";
import { useApi, useMay } from "../app/context";
import { Checks } from "../parts/Checks";
import { ErrorBox, Loaded } from "../parts/Loaded";
import { count, words } from "../parts/format";

export function Component() {
  const settings = useSettings();
  return (
    <ContentLayout
      header={
        <Header variant="h1" description="Read only: a stage is configured in cdk.json and deployed. Secrets are never shown.">
          Settings
        </Header>
      }
    >
      <SpaceBetween size="l">
        <ConnectionTest />
        <Loaded query={settings} height={300}>
          {(data) => (
            <>
              {groupsOf(data).map(([title, values]) => (
                <div className="group" key={title}>
                  <Container header={<Header variant="h2">{title}</Header>}>
                    <KeyValuePairs columns={3} items={values.map(([label, value]) => ({ label, value: <span className="wrap">{value}</span> }))} />
                  </Container>
                </div>
              ))}
            </>
          )}
        </Loaded>
      </SpaceBetween>
    </ContentLayout>
  );
}

function ConnectionTest() {
  const api = useApi();
  const operator = useMay("operator");
  const check = useMutation({ mutationFn: () => given(api.POST("/api/check", {})) });
  return (
    <SpaceBetween size="m">
      <Container
        header={
          <Header
            variant="h2"
            description="Logs in to Salesforce, looks at permissions and fields, writes one link back as it is, and looks into the buckets."
            actions={
              operator ? (
                <Button variant="primary" loading={check.isPending} onClick={() => check.mutate()}>
                  Test the connections
                </Button>
              ) : null
            }
          >
            Connections
          </Header>
        }
      >
        {check.data ? (
          check.data.ok ? (
            <Alert type="success">Salesforce and S3 are in place.</Alert>
          ) : (
            <Alert type="warning">Something is missing: see below what to do.</Alert>
          )
        ) : operator ? (
          "Not tested in this session."
        ) : (
          "The test makes one harmless update: an operator may run it."
        )}
      </Container>
      {check.isError ? <ErrorBox error={check.error} again={() => check.mutate()} /> : null}
      {check.data ? <Checks checks={check.data.checks} title="Result of the test" /> : null}
    </SpaceBetween>
  );
}

type Group = [string, [string, string][]];

// Nested configuration as groups of names and values.
export function groupsOf(settings: Record<string, unknown>): Group[] {
  const loose: [string, string][] = [];
  const groups: Group[] = [];
  for (const [name, value] of Object.entries(settings)) {
    if (isRecord(value)) {
      const own = Object.entries(value).filter(([, inner]) => !isRecord(inner));
      if (own.length) groups.push([words(name), own.map(([key, inner]) => [words(key), shown(inner)])]);
      groups.push(...groupsOf(Object.fromEntries(Object.entries(value).filter(([, inner]) => isRecord(inner)))));
    } else loose.push([words(name), shown(value)]);
  }
  return loose.length ? [["Stage", loose], ...groups] : groups;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.map(shown).join(", ") || "None";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return typeof value === "number" ? count(value) : typeof value === "string" ? value : JSON.stringify(value);
}
