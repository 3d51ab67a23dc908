// Load records: the file, how it is read, then a dry run; what the dry run has planned is executed from its page.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
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
import { useOrgs } from "../api/asking";
import { given, said } from "../api/client";
import { useApi, useMay } from "../app/context";
import { Go } from "../parts/Go";
import { bytes } from "../parts/format";
import { CHOOSE_FILE } from "../parts/uploading";
import { OWN, upload } from "../records/loads";
import { useStart } from "../run/useStart";

const NONE = { value: "", label: "None: columns are named as fields" };
const FILES = { value: "", label: "The files" };

export function Component() {
  const api = useApi();
  const operator = useMay("operator");
  const [file, setFile] = useState<File | null>(null);
  const [mapping, setMapping] = useState("");
  const [object, setObject] = useState("");
  const [externalId, setExternalId] = useState("");
  const [write, setWrite] = useState("upsert");
  const [org, setOrg] = useState(OWN);
  const [fromOrg, setFromOrg] = useState("");
  const [allowDelete, setAllowDelete] = useState(false);
  const mappings = useQuery({ queryKey: ["mappings"], queryFn: () => given(api.GET("/api/mappings", { params: { query: { limit: 1000 } } })) });
  const options = [NONE, ...(mappings.data?.items ?? []).map((each) => ({ value: each.name, label: `${each.name}, version ${each.version}` }))];
  const orgs = useOrgs();
  const connected = (orgs.data?.items ?? []).filter((each) => each.connected);
  const places = connected.map((each) => ({ value: each.name, label: each.name, labelTag: each.production ? "Production" : "Sandbox", description: each.organization || each.login_url }));
  const sources = [FILES, ...places.filter((each) => each.value !== org)];
  // A zip may hold a plan, which can say more than a table.
  const plan = file !== null && /\.zip$/i.test(file.name);
  const single = file !== null && /\.(csv|txt|tsv)$/i.test(file.name) && !mapping;
  const start = useStart();
  const uploaded = useMutation({
    mutationFn: async (chosen: File) => {
      const asked = {
        kind: "load",
        mode: "dry_run",
        input: await upload(api, chosen),
        write,
        allow_delete: plan && allowDelete,
        ...(mapping ? { mapping } : {}),
        ...(single && object ? { object } : {}),
        ...(single && externalId ? { external_id: externalId } : {}),
        ...(org === OWN ? {} : { org }),
        ...(plan && fromOrg ? { from_org: fromOrg } : {}),
      };
      await start.mutateAsync(asked);
    },
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
                i18nStrings={{ ...CHOOSE_FILE, formatFileSize: bytes }}
              />
            </FormField>
          </Container>
          <Container header={<Header variant="h2">2. Where it goes, and how it is read</Header>}>
            <SpaceBetween size="l">
              <FormField label="Org" description={<>The org to load into. <Go to="/orgs">Orgs</Go></>}>
                <Select
                  options={places}
                  selectedOption={places.find((each) => each.value === org) ?? null}
                  triggerVariant="option"
                  statusType={orgs.isPending ? "loading" : "finished"}
                  onChange={({ detail }) => setOrg(detail.selectedOption.value ?? OWN)}
                />
              </FormField>
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
              {plan ? (
                <>
                  <FormField label="Rows from" description="A plan (export.json) may be carried out with the rows of another org, in place of its files.">
                    <Select
                      options={sources}
                      selectedOption={sources.find((each) => each.value === fromOrg) ?? FILES}
                      onChange={({ detail }) => setFromOrg(detail.selectedOption.value ?? "")}
                    />
                  </FormField>
                  <Checkbox checked={allowDelete} onChange={({ detail }) => setAllowDelete(detail.checked)} description="Where the plan says so. What is deleted is kept for an undo.">
                    Allow it to delete rows
                  </Checkbox>
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
          {uploaded.isError ? (
            <Alert type="error" header="It was not started">
              {said(uploaded.error)}
            </Alert>
          ) : null}
          <Box float="right">
            <Button variant="primary" loading={uploaded.isPending} disabled={!file} disabledReason="Choose a file first." onClick={() => file && uploaded.mutate(file)}>
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
