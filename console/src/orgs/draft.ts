// A connection to an org as its form has it, and as the API is asked for it.
import type { AuthFlow, NewOrg, OrgView } from "../api/types";

export type Login = Exclude<AuthFlow, "soap_password">;

export interface Draft {
  name: string;
  loginUrl: string;
  auth: Login;
  // Empty: what the org says of itself.
  kind: "" | OrgView["kind"];
  credentials: Record<string, string>;
}

// Name, label, what to type, and whether it is needed. What is secret is not shown while it is typed.
export interface Credential {
  name: string;
  label: string;
  secret: boolean;
  long?: boolean;
  optional?: boolean;
}

const KEY: Credential = { name: "client_id", label: "Client id (consumer key) of the connected app", secret: false };
const SECRET: Credential = { name: "client_secret", label: "Client secret", secret: true };

export const LOGINS: Record<Login, { label: string; description: string; credentials: Credential[] }> = {
  jwt_bearer: {
    label: "JWT",
    description: "A certificate of the connected app, and a user that it may be.",
    credentials: [KEY, { name: "username", label: "User name", secret: false }, { name: "private_key", label: "Private key (PEM)", secret: true, long: true }],
  },
  client_credentials: {
    label: "Client credentials",
    description: "The connected app has a user of its own.",
    credentials: [KEY, SECRET],
  },
  refresh_token: {
    label: "Login by browser",
    description: "Somebody lets Waybill in, in the browser; it keeps a refresh token.",
    credentials: [KEY, { ...SECRET, label: "Client secret, where the app asks for it", optional: true }],
  },
};

export const EMPTY: Draft = { name: "", loginUrl: "", auth: "client_credentials", kind: "", credentials: {} };

export function draftOf(org: OrgView): Draft {
  return { name: org.name, loginUrl: org.login_url, auth: org.auth === "soap_password" ? "client_credentials" : org.auth, kind: org.kind, credentials: {} };
}

const NAME = /^[a-z][a-z0-9-]{0,39}$/;

function given(draft: Draft): Record<string, string> {
  const known = LOGINS[draft.auth].credentials.map((each) => each.name);
  return Object.fromEntries(Object.entries(draft.credentials).filter(([name, value]) => known.includes(name) && value.trim()));
}

// What is wrong with the form. `before`: the connection that is changed; without credentials it keeps those that it has.
export function faultsOf(draft: Draft, before: OrgView | null): { name?: string; loginUrl?: string; credentials?: string } {
  const lacking = LOGINS[draft.auth].credentials.filter((each) => !each.optional && !given(draft)[each.name]);
  const kept = before !== null && before.auth === draft.auth && Object.keys(given(draft)).length === 0;
  return {
    ...(NAME.test(draft.name) ? {} : { name: "Small letters, digits and hyphens, a letter first; at most 40." }),
    ...(/^https?:\/\/\S+$/.test(draft.loginUrl.trim()) ? {} : { loginUrl: "Where the org logs in, e.g. https://acme.my.salesforce.com" }),
    ...(lacking.length && !kept ? { credentials: `${lacking.map((each) => each.label).join(", ")}: needed for this login.` } : {}),
  };
}

// The body of POST /api/config/orgs; without the name, that of PUT.
export function bodyOf(draft: Draft): NewOrg {
  return {
    name: draft.name,
    login_url: draft.loginUrl.trim(),
    auth: draft.auth,
    ...(draft.kind ? { kind: draft.kind } : {}),
    credentials: given(draft),
  };
}
