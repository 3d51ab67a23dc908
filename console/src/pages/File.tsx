// The waybill of one file: every step with its time, its proof, its old and new link.
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { given } from "../api/client";
import type { FileWaybill } from "../api/types";
import { useApi } from "../app/context";
import { Copyable, Go } from "../parts/Go";
import { Loaded } from "../parts/Loaded";
import { FileStatus } from "../parts/Status";
import { bytes, time, words } from "../parts/format";

export function Component() {
  const { entryId = "" } = useParams();
  const api = useApi();
  const file = useQuery({
    queryKey: ["file", entryId],
    queryFn: () => given(api.GET("/api/files/{entry_id}", { params: { path: { entry_id: entryId } } })),
    refetchInterval: 10_000,
  });
  return (
    <Loaded query={file} height={400}>
      {(data) => (
        <ContentLayout
          header={
            <Header
              variant="h1"
              description={
                <span className="mono">
                  {data.entry_id} <Copyable text={data.entry_id} what="the entry's id" />
                </span>
              }
            >
              {data.name} <FileStatus state={data.state} />
            </Header>
          }
        >
          <SpaceBetween size="l">
            <Links file={data} />
            <Steps file={data} />
            <Proof file={data} />
          </SpaceBetween>
        </ContentLayout>
      )}
    </Loaded>
  );
}

function Hash({ value }: { value: string | null }) {
  return value ? <span className="mono">{value}</span> : <>–</>;
}

const NOW: Record<FileWaybill["link"], string> = {
  old: "The old link stands in Salesforce.",
  new: "The new link stands in Salesforce.",
  other: "Another link stands in Salesforce: somebody has edited it.",
  gone: "The entry is gone from Salesforce.",
  unknown: "What stands in Salesforce could not be looked up now.",
};

function Links({ file }: { file: FileWaybill }) {
  const other = file.link === "other" && file.link_now;
  return (
    <Container
      header={
        <Header variant="h2" description={NOW[file.link]}>
          Links
        </Header>
      }
    >
      <KeyValuePairs
        columns={1}
        items={[
          { label: file.link === "old" ? "Old link, in Salesforce now" : "Old link", value: <Url url={file.url} /> },
          {
            label: file.link === "new" ? "New link, in Salesforce now" : "New link",
            value: file.new_url ? <Url url={file.new_url} /> : <Box color="text-body-secondary">None until the cutover</Box>,
          },
          ...(other ? [{ label: "In Salesforce now", value: <Url url={file.link_now} /> }] : []),
        ]}
      />
    </Container>
  );
}

function Url({ url }: { url: string | null | undefined }) {
  if (!url) return <>–</>;
  return (
    <span className="mono">
      {/^https?:/.test(url) ? (
        <Link href={url} external externalIconAriaLabel="Opens in a new tab">
          {url}
        </Link>
      ) : (
        url
      )}{" "}
      <Copyable text={url} what="the link" />
    </span>
  );
}

function Steps({ file }: { file: FileWaybill }) {
  return (
    <Container header={<Header variant="h2" description="What became of this file, in order.">Waybill</Header>}>
      <ol className="steps">
        {file.steps.map((step, number) => (
          <li key={`${step.step}${number}`}>
            <div className="step-time figure">{time(step.time)}</div>
            <div>
              <StatusIndicator type={/fail|missing|conflict/.test(step.step) ? "error" : "success"}>
                <b>{words(step.step)}</b>
              </StatusIndicator>
              {step.detail ? <div>{step.detail}</div> : null}
              <div className="quiet">
                {step.by ? `By ${step.by}` : ""}
                {step.by && step.run_id ? ", in " : ""}
                {step.run_id ? <Go to={`/runs/${step.run_id}`}>{step.run_id}</Go> : null}
              </div>
            </div>
          </li>
        ))}
      </ol>
      {file.steps.length ? null : <Box color="text-body-secondary">Nothing happened to it yet.</Box>}
    </Container>
  );
}

function Proof({ file }: { file: FileWaybill }) {
  return (
    <Container header={<Header variant="h2">Proof</Header>}>
      <KeyValuePairs
        columns={3}
        items={[
          { label: "Account", value: <Go to={`/accounts/${file.account_id}`} state={file.account_name}>{file.account_name || file.account_id}</Go> },
          { label: "Size", value: bytes(file.size) },
          { label: "Verified by", value: file.verified_by ?? "–" },
          { label: "ETag of the source, as copied", value: <Hash value={file.etag} /> },
          { label: "ETag of the copy", value: <Hash value={file.copy_etag ?? (file.key ? file.etag : null)} /> },
          { label: "Checksum", value: <Hash value={file.checksum} /> },
          { label: "Copied", value: time(file.copied_at) },
          { label: "Key in the destination", value: <span className="mono">{file.key ?? "–"}</span> },
          ...(file.error ? [{ label: words(file.error.toLowerCase()), value: file.message ?? "–" }] : []),
        ]}
      />
    </Container>
  );
}
