// Which org something is about, or is about to be written to, in words that nobody mistakes.
import Badge from "@cloudscape-design/components/badge";
import type { OrgView } from "../api/types";
import { useOrg } from "../api/asking";

export function KindBadge({ org }: { org: OrgView }) {
  return org.production ? <Badge color="severity-critical">Production</Badge> : <Badge color="blue">Sandbox</Badge>;
}

// `brief`: in a table, where the name and the kind are enough.
export function Place({ name, brief = false }: { name: string; brief?: boolean }) {
  const { org, isPending } = useOrg(name);
  if (!org) return <b>{isPending ? name : `${name}, which is not among the orgs any more`}</b>;
  return (
    <span className="place">
      <b>{org.name}</b> <KindBadge org={org} /> {brief ? null : <span className="quiet">{org.organization || org.login_url}</span>}
    </span>
  );
}
