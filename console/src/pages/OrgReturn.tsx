// Where an org sends the browser back to, after somebody has let Waybill in, or has not.
import Alert from "@cloudscape-design/components/alert";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useApi } from "../app/context";
import { redeem, takeReturn } from "../orgs/browserLogin";
import { Go } from "../parts/Go";
import { Loaded } from "../parts/Loaded";
import { KindBadge } from "../parts/Place";

export function Component() {
  const api = useApi();
  const [back] = useState(takeReturn);
  // The code is good once: asked once, and never again.
  const login = useQuery({ queryKey: ["org-login", back?.state ?? ""], queryFn: () => redeem(api, back), retry: false, staleTime: Infinity, gcTime: 0 });
  return (
    <ContentLayout header={<Header variant="h1">Login by browser</Header>}>
      <SpaceBetween size="l">
        <Loaded query={login}>
          {(org) => (
            <Alert type="success" header={`Waybill is in ${org.name}`}>
              <KindBadge org={org} /> {org.organization || org.login_url}
            </Alert>
          )}
        </Loaded>
        <Go to="/orgs">All orgs</Go>
      </SpaceBetween>
    </ContentLayout>
  );
}
