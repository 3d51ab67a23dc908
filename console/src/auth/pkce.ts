// The authorization code flow with PKCE (RFC 7636), as a browser does it: no secret, and no token in an address.
import type { SignIn } from "../api/types";

const PENDING = "waybill.pending";

export interface Pending {
  verifier: string;
  state: string;
  // Where the user wanted to go.
  path: string;
}

export interface Tokens {
  access_token: string;
  refresh_token?: string | undefined;
  expires_in: number;
}

export function encoded(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export async function challengeOf(verifier: string): Promise<string> {
  return encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function random(): string {
  return encoded(crypto.getRandomValues(new Uint8Array(48)));
}

// The pool compares it letter by letter.
function callback(): string {
  return `${window.location.origin}/`;
}

export async function goToPool(told: SignIn, path: string): Promise<void> {
  const pending: Pending = { verifier: random(), state: random(), path };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: told.client_id,
    redirect_uri: callback(),
    scope: told.scope,
    state: pending.state,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  });
  window.location.assign(`${told.authorize_url}?${asked.toString()}`);
}

export interface Returned {
  code?: string;
  error?: string;
  pending: Pending;
}

// What the pool sent the browser back with; null where this is no return, or not one that this page has begun.
export function returnedFrom(search: string, kept: string | null): Returned | null {
  const given = new URLSearchParams(search);
  const state = given.get("state");
  if (!state || !kept) return null;
  const pending = JSON.parse(kept) as Pending;
  if (pending.state !== state) return null;
  const code = given.get("code");
  const error = given.get("error_description") ?? given.get("error");
  return { pending, ...(code ? { code } : {}), ...(error ? { error } : {}) };
}

// The same, and the address and the store rid of it.
export function takeReturn(): Returned | null {
  const found = returnedFrom(window.location.search, sessionStorage.getItem(PENDING));
  if (!found) return null;
  sessionStorage.removeItem(PENDING);
  window.history.replaceState(null, "", found.pending.path);
  return found;
}

export function exchange(told: SignIn, code: string, verifier: string): Promise<Tokens> {
  return ask(told, { grant_type: "authorization_code", code, redirect_uri: callback(), code_verifier: verifier });
}

export function renew(told: SignIn, refreshToken: string): Promise<Tokens> {
  return ask(told, { grant_type: "refresh_token", refresh_token: refreshToken });
}

async function ask(told: SignIn, form: Record<string, string>): Promise<Tokens> {
  const reply = await fetch(told.token_url, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...form, client_id: told.client_id }).toString(),
  });
  if (!reply.ok) throw new Error("The user pool did not accept the log-in. Log in again.");
  return (await reply.json()) as Tokens;
}
