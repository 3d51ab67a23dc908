// Links of the gateway: versions of their key, what is revoked, and the acts on both.
import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import type { LinkKey, Revocation } from "../api/types";
import { useApi, useMay } from "../app/context";
import { RevokeForm } from "../links/RevokeForm";
import { useLinkAct } from "../links/act";
import { Confirm } from "../parts/Confirm";
import { Go } from "../parts/Go";
import { Empty, ErrorBox } from "../parts/Loaded";
import { time, words } from "../parts/format";
import { usePages } from "../parts/pages";

export function Component() {
  const api = useApi();
  const admin = useMay("admin");
  const [rotating, setRotating] = useState(false);
  const [ending, setEnding] = useState<LinkKey | null>(null);
  const act = useLinkAct();
  const head = useQuery({ queryKey: ["links", "head"], queryFn: () => given(api.GET("/api/links", { params: { query: { limit: 1 } } })) });
  const pages = usePages<Revocation>(["links", "revoked"], (cursor) => given(api.GET("/api/links", { params: { query: { limit: 25, ...(cursor ? { cursor } : {}) } } })));
  const links = head.data;
  const header = (
    <Header
      variant="h1"
      description="Links that open files of the private bucket, for whoever has them. They can be revoked."
      actions={
        admin && links?.gateway ? (
          <Button variant="primary" loading={act.isPending} onClick={() => setRotating(true)}>
            New version of the key
          </Button>
        ) : null
      }
    >
      Links
    </Header>
  );
  return (
    <ContentLayout header={header}>
      <SpaceBetween size="l">
        {head.isError ? <ErrorBox error={head.error} again={() => void head.refetch()} /> : null}
        {pages.query.isError ? <ErrorBox error={pages.query.error} again={() => void pages.query.refetch()} /> : null}
        {links && !links.gateway ? <Alert type="info">The links of this stage are no links of the gateway: there is no key, and nothing to revoke.</Alert> : null}
        <Table
          items={links?.keys ?? []}
          loading={head.isPending}
          loadingText="Loading versions"
          trackBy="version"
          wrapLines
          enableKeyboardNavigation
          header={
            <Header variant="h2" description="New links are of the current one. Links of older ones open until it is revoked: run a cutover first, which writes them anew.">
              Versions of the key
            </Header>
          }
          empty={<Empty title="No key yet">The first cutover makes it.</Empty>}
          columnDefinitions={[
            { id: "version", header: "Version", cell: (key) => <>{key.version} {key.current ? <Badge color="green">Current</Badge> : null}</>, isRowHeader: true, minWidth: 130 },
            { id: "made", header: "Made", cell: (key) => `${time(key.made_at)}, ${key.made_by}`, minWidth: 220 },
            {
              id: "state",
              header: "Its links",
              cell: (key) => (key.revoked_at ? <StatusIndicator type="stopped">Revoked {time(key.revoked_at)}</StatusIndicator> : <StatusIndicator type="success">Open</StatusIndicator>),
              minWidth: 220,
            },
            ...(admin
              ? [
                  {
                    id: "act",
                    header: "Act",
                    cell: (key: LinkKey) =>
                      key.current || key.revoked_at ? (
                        "–"
                      ) : (
                        <Button variant="inline-link" ariaLabel={`Revoke version ${key.version}`} onClick={() => setEnding(key)}>
                          Revoke
                        </Button>
                      ),
                    minWidth: 110,
                  },
                ]
              : []),
          ]}
        />
        {admin && links?.gateway ? <RevokeForm /> : null}
        <Table
          items={pages.items}
          loading={pages.query.isPending}
          loadingText="Loading what is revoked"
          trackBy={(each) => `${each.scope} ${each.id}`}
          wrapLines
          enableKeyboardNavigation
          header={<Header variant="h2">Revoked</Header>}
          pagination={<Pagination {...pages.pagination} />}
          empty={<Empty title="Nothing is revoked" />}
          columnDefinitions={[
            { id: "what", header: "Links of", cell: whatOf, isRowHeader: true, minWidth: 240 },
            { id: "at", header: "Since", cell: (each) => `${time(each.at)}, ${each.by}`, minWidth: 220 },
            { id: "why", header: "Why", cell: (each) => each.reason || "–", minWidth: 200 },
            ...(admin
              ? [
                  {
                    id: "act",
                    header: "Act",
                    cell: (each: Revocation) => (
                      <Button
                        variant="inline-link"
                        ariaLabel={`Take it back: ${each.scope} ${each.id}`}
                        onClick={() => act.mutate({ does: "restore", scope: each.scope, id: each.id })}
                      >
                        Take it back
                      </Button>
                    ),
                    minWidth: 130,
                  },
                ]
              : []),
          ]}
        />
      </SpaceBetween>
      <Confirm
        visible={rotating}
        title="Make a new version of the key?"
        action="Make it"
        onDismiss={() => setRotating(false)}
        onConfirm={() => {
          setRotating(false);
          act.mutate({ does: "rotate" });
        }}
      >
        Links of the versions before go on opening. The next cutover writes all links anew; then an older version can be revoked.
      </Confirm>
      <Confirm
        visible={ending !== null}
        title={`Revoke version ${ending?.version ?? ""}?`}
        action="Revoke it"
        word="revoke"
        onDismiss={() => setEnding(null)}
        onConfirm={() => {
          if (ending) act.mutate({ does: "revoke", body: { version: ending.version, reason: "" } });
          setEnding(null);
        }}
      >
        No link that was written under it opens any more. Links in Salesforce that no cutover has written anew since are among them.
      </Confirm>
    </ContentLayout>
  );
}

function whatOf({ scope, id }: Revocation) {
  if (scope === "entry") return <Go to={`/files/${id}`}>File of entry {id}</Go>;
  if (scope === "account") return <Go to={`/accounts/${id}`}>Account {id}</Go>;
  return `${words(scope)} ${id} of the key`;
}
