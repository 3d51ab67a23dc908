// Lets Waybill into an org by browser: there with a state, and back with a code, which is good once.
import { type Api, Problem, given } from "../api/client";
import type { OrgView } from "../api/types";

const PENDING = "waybill.org-login";
export const RETURN = "/orgs/return";

interface Pending {
  name: string;
  state: string;
}

// What the connected app must know as its callback.
export function callback(): string {
  return window.location.origin + RETURN;
}

export async function leave(api: Api, name: string): Promise<void> {
  const begun = await given(api.POST("/api/config/orgs/{name}/authorize", { params: { path: { name } }, body: { redirect_uri: callback() } }));
  const pending: Pending = { name, state: new URL(begun.authorize_url).searchParams.get("state") ?? "" };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  window.location.assign(begun.authorize_url);
}

export interface Back extends Pending {
  code: string;
  error: string;
}

// What the org sent the browser back with; null where this page has begun nothing of the kind.
export function returnedFrom(search: string, kept: string | null): Back | null {
  const told = new URLSearchParams(search);
  const state = told.get("state") ?? "";
  if (!kept || !state) return null;
  const pending = JSON.parse(kept) as Pending;
  if (pending.state !== state) return null;
  return { ...pending, code: told.get("code") ?? "", error: told.get("error_description") ?? told.get("error") ?? "" };
}

// The same; the code then stands in no address any more.
export function takeReturn(): Back | null {
  const found = returnedFrom(window.location.search, sessionStorage.getItem(PENDING));
  sessionStorage.removeItem(PENDING);
  window.history.replaceState(null, "", RETURN);
  return found;
}

export async function redeem(api: Api, back: Back | null): Promise<OrgView> {
  if (!back) throw new Problem({ title: "Login", status: 0, detail: "No login was begun in this tab.", hint: "Begin it from the list of orgs." });
  if (!back.code) throw new Problem({ title: "Login", status: 0, detail: `${back.name} did not let Waybill in: ${back.error || "it gave no code"}.` });
  return given(api.POST("/api/config/orgs/{name}/callback", { params: { path: { name: back.name } }, body: { state: back.state, code: back.code } }));
}
