// The orgs that Waybill can log in to: production marked; added, tried, let in by browser, removed.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useOrgs } from "../api/asking";
import { given } from "../api/client";
import type { OrgView } from "../api/types";
import { useApi, useMay, useWaybill } from "../app/context";
import { OrgEditor } from "../orgs/OrgEditor";
import { leave } from "../orgs/browserLogin";
import { LOGINS } from "../orgs/draft";
import { Confirm } from "../parts/Confirm";
import { Empty, ErrorBox } from "../parts/Loaded";
import { KindBadge, Place } from "../parts/Place";
import { time, words } from "../parts/format";

export function Component() {
  const api = useApi();
  const admin = useMay("admin");
  const { tell } = useWaybill();
  const queries = useQueryClient();
  const orgs = useOrgs();
  const [shown, setShown] = useState<OrgView[]>([]);
  const [editing, setEditing] = useState<"new" | "change" | null>(null);
  const [removing, setRemoving] = useState(false);
  // As it is by now, whatever it was when it was chosen.
  const chosen = orgs.data?.items.find((each) => each.name === shown[0]?.name);
  const act = useMutation({
    mutationFn: async ({ does, name }: { does: "test" | "remove" | "log in"; name: string }) => {
      if (does === "log in") return leave(api, name);
      if (does === "remove") {
        await given(api.DELETE("/api/config/orgs/{name}", { params: { path: { name } } }));
        tell({ type: "success", content: `${name} and its credentials are removed.` });
        return;
      }
      const org = await given(api.POST("/api/config/orgs/{name}/test", { params: { path: { name } } }));
      tell({ type: "success", content: `Logged in: ${org.name} is ${org.production ? "PRODUCTION" : "a sandbox"}, ${org.organization || org.login_url}.` });
    },
    onError: (error, { does, name }) =>
      tell({ type: "error", header: does === "test" ? `Waybill cannot log in to ${name}` : "This was not done", content: error.message }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["orgs"] }),
  });
  const none = chosen ? "" : "Choose an org first.";
  const fixed = chosen?.own ? "It is configured with the stage." : none;
  return (
    <SpaceBetween size="l">
      {orgs.isError ? <ErrorBox error={orgs.error} again={() => void orgs.refetch()} /> : null}
      <Table
        items={orgs.data?.items ?? []}
        loading={orgs.isPending}
        loadingText="Loading orgs"
        trackBy="name"
        wrapLines
        {...(admin
          ? {
              selectionType: "single" as const,
              selectedItems: chosen ? [chosen] : [],
              onSelectionChange: ({ detail }: { detail: { selectedItems: OrgView[] } }) => {
                setShown(detail.selectedItems);
                setEditing(null);
              },
              ariaLabels: { selectionGroupLabel: "Orgs", itemSelectionLabel: (_: unknown, each: OrgView) => `Choose ${each.name}` },
            }
          : {})}
        enableKeyboardNavigation
        header={
          <Header
            variant="h1"
            description="Where loads, undos and copies go, beside the stage's own org. No secret is shown."
            actions={
              admin ? (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button disabled={none !== ""} disabledReason={none} loading={act.isPending} onClick={() => chosen && act.mutate({ does: "test", name: chosen.name })}>
                    Test the login
                  </Button>
                  {chosen?.auth === "refresh_token" && !chosen.own ? (
                    <Button iconName="external" loading={act.isPending} onClick={() => act.mutate({ does: "log in", name: chosen.name })}>
                      Let Waybill in
                    </Button>
                  ) : null}
                  <Button disabled={fixed !== ""} disabledReason={fixed} onClick={() => setEditing("change")}>
                    Change
                  </Button>
                  <Button disabled={fixed !== ""} disabledReason={fixed} onClick={() => setRemoving(true)}>
                    Remove
                  </Button>
                  <Button
                    variant="primary"
                    onClick={() => {
                      setShown([]);
                      setEditing("new");
                    }}
                  >
                    New org
                  </Button>
                </SpaceBetween>
              ) : null
            }
          >
            Orgs
          </Header>
        }
        empty={<Empty title="No orgs" />}
        columnDefinitions={[
          { id: "name", header: "Org", cell: (org) => org.name, isRowHeader: true, minWidth: 130 },
          { id: "kind", header: "Kind", cell: (org) => <KindBadge org={org} />, minWidth: 120 },
          { id: "organization", header: "Organization", cell: (org) => org.organization || (org.connected ? "–" : "Nobody has let Waybill in yet"), minWidth: 170 },
          { id: "url", header: "Login address", cell: (org) => <span className="wrap">{org.login_url}</span>, minWidth: 230 },
          { id: "auth", header: "Logs in by", cell: loginOf, minWidth: 150 },
          { id: "tested", header: "Tried last", cell: (org) => time(org.tested_at), minWidth: 170 },
        ]}
      />
      {editing === "new" ? <OrgEditor key="new" before={null} onDone={() => setEditing(null)} /> : null}
      {editing === "change" && chosen ? <OrgEditor key={chosen.name} before={chosen} onDone={() => setEditing(null)} /> : null}
      <Confirm
        visible={removing && chosen !== undefined}
        title={`Remove ${chosen?.name ?? ""}?`}
        action="Remove the org"
        onDismiss={() => setRemoving(false)}
        onConfirm={() => {
          setRemoving(false);
          if (chosen) act.mutate({ does: "remove", name: chosen.name });
        }}
      >
        <p className="first">
          Its credentials are deleted. What was loaded into it stays there, and can be undone only once it is added again under this name.
        </p>
        {chosen ? <Place name={chosen.name} /> : null}
      </Confirm>
    </SpaceBetween>
  );
}

function loginOf(org: OrgView): string {
  return org.auth === "soap_password" ? words(org.auth) : LOGINS[org.auth].label;
}
