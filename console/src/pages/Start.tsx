// Plan and start: choose what, say how, see the estimate and the dry run's result, then the button.
import Box from "@cloudscape-design/components/box";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tiles from "@cloudscape-design/components/tiles";
import Container from "@cloudscape-design/components/container";
import { useSearchParams } from "react-router";
import { useMay } from "../app/context";
import { Review } from "../start/Review";
import { Choices } from "../start/Choices";
import { type Draft, draftOf } from "../start/draft";
import { useState } from "react";

export function Component() {
  const [asked] = useSearchParams();
  // Another link here begins another draft.
  return <Form key={asked.toString()} initial={draftOf(asked)} />;
}

function Form({ initial }: { initial: Draft }) {
  const [draft, setDraft] = useState(initial);
  const operator = useMay("operator");
  const change = (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes }));
  return (
    <ContentLayout
      header={
        <Header variant="h1" description="Nothing starts before you have seen what it takes and what a dry run found.">
          Plan and start
        </Header>
      }
    >
      {operator ? (
        <SpaceBetween size="l">
          <Container header={<Header variant="h2">1. What</Header>}>
            <Tiles
              ariaLabel="What to start"
              columns={3}
              value={draft.kind}
              onChange={({ detail }) => change({ kind: detail.value as Draft["kind"] })}
              items={[
                { value: "backup", label: "Backup", description: "Phase 1: copies every file. Writes nothing to Salesforce." },
                { value: "cutover", label: "Cutover", description: "Phase 2: copies what changed, then switches the links." },
                { value: "rollback", label: "Rollback", description: "The way back: puts the old links in again." },
              ]}
            />
          </Container>
          <Container header={<Header variant="h2">2. How</Header>}>
            <Choices draft={draft} change={change} />
          </Container>
          <Review draft={draft} />
        </SpaceBetween>
      ) : (
        <Box variant="p">You may look at everything. Runs are started by operators and administrators.</Box>
      )}
    </ContentLayout>
  );
}
