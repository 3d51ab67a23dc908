// Load records: the file, how it is read, then a dry run; what the dry run has planned is executed from its page.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import FileUpload from "@cloudscape-design/components/file-upload";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { Problem, given } from "../api/client";
import type { LoadRequest } from "../api/types";
import { useApi, useMay } from "../app/context";
import { Go } from "../parts/Go";
import { bytes } from "../parts/format";
import { remember, upload } from "../records/loads";

const NONE = { value: "", label: "None: columns are named as fields" };

export function Component() {
  const api = useApi();
  const go = useNavigate();
  const operator = useMay("operator");
  const [file, setFile] = useState<File | null>(null);
  const [mapping, setMapping] = useState("");
  const [object, setObject] = useState("");
  const [externalId, setExternalId] = useState("");
  const [write, setWrite] = useState("upsert");
  const mappings = useQuery({ queryKey: ["mappings"], queryFn: () => given(api.GET("/api/mappings", { params: { query: { limit: 1000 } } })) });
  const options = [NONE, ...(mappings.data?.items ?? []).map((each) => ({ value: each.name, label: `${each.name}, version ${each.version}` }))];
  const single = file !== null && /\.(csv|txt|tsv)$/i.test(file.name) && !mapping;
  const start = useMutation({
    mutationFn: async (chosen: File) => {
      const asked = {
        kind: "load",
        mode: "dry_run",
        input: await upload(api, chosen),
        write,
        ...(mapping ? { mapping } : {}),
        ...(single && object ? { object } : {}),
        ...(single && externalId ? { external_id: externalId } : {}),
      } as LoadRequest;
      const reply = await api.raw("/api/runs", { method: "POST", body: JSON.stringify(asked), headers: { "Content-Type": "application/json" } });
      const { run_id } = (await reply.json()) as { run_id: string };
      remember(run_id, asked);
      return run_id;
    },
    onSuccess: (runId) => go(`/runs/${runId}`),
  });
  return (
    <ContentLayout
      header={
        <Header variant="h1" description="A dry run comes first: it shows for every row whether it would be inserted, updated, left or rejected.">
          Load records
        </Header>
      }
    >
      {operator ? (
        <SpaceBetween size="l">
          <Container header={<Header variant="h2">1. File</Header>}>
            <FormField label="Workbook, CSV file, or a zip of them" description="A sheet, or a file, for each object. A template to fill in is under Objects.">
              <FileUpload
                value={file ? [file] : []}
                onChange={({ detail }) => setFile(detail.value[0] ?? null)}
                accept=".xlsx,.csv,.zip,.tsv,.txt"
                showFileSize
                i18nStrings={{
                  uploadButtonText: () => "Choose a file",
                  dropzoneText: () => "Drop the file here",
                  removeFileAriaLabel: () => "Remove the file",
                  limitShowFewer: "Fewer",
                  limitShowMore: "More",
                  errorIconAriaLabel: "Error",
                  formatFileSize: bytes,
                }}
              />
            </FormField>
          </Container>
          <Container header={<Header variant="h2">2. How it is read</Header>}>
            <SpaceBetween size="l">
              <FormField label="Saved mapping" description={<>Which column goes into which field. <Go to="/records/mappings">Mappings</Go></>}>
                <Select
                  options={options}
                  selectedOption={options.find((each) => each.value === mapping) ?? NONE}
                  statusType={mappings.isPending ? "loading" : "finished"}
                  onChange={({ detail }) => setMapping(detail.selectedOption.value ?? "")}
                />
              </FormField>
              {single ? (
                <>
                  <FormField label="Object" description="Empty: as the file is called.">
                    <Input value={object} onChange={({ detail }) => setObject(detail.value)} placeholder="Product2" />
                  </FormField>
                  <FormField label="Key" description="The field that tells rows apart; several with a semicolon between. Empty: as the org has it.">
                    <Input value={externalId} onChange={({ detail }) => setExternalId(detail.value)} placeholder="ExternalId__c" />
                  </FormField>
                </>
              ) : null}
              <FormField label="Rows" stretch>
                <RadioGroup
                  value={write}
                  onChange={({ detail }) => setWrite(detail.value)}
                  items={[
                    { value: "upsert", label: "Insert and update", description: "What is there is updated, the rest inserted." },
                    { value: "insert", label: "Insert only", description: "What is there is left as it is." },
                    { value: "update", label: "Update only", description: "What is not there is rejected." },
                  ]}
                />
              </FormField>
            </SpaceBetween>
          </Container>
          {start.isError ? (
            <Alert type="error" header="It was not started">
              {start.error.message} {start.error instanceof Problem ? start.error.hint : ""}
            </Alert>
          ) : null}
          <Box float="right">
            <Button variant="primary" loading={start.isPending} disabled={!file} disabledReason="Choose a file first." onClick={() => file && start.mutate(file)}>
              Upload and dry run
            </Button>
          </Box>
        </SpaceBetween>
      ) : (
        <Box variant="p">Records are loaded by operators and administrators.</Box>
      )}
    </ContentLayout>
  );
}
