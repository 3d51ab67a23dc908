// Calls the API: the token on every request, problem details as errors.
import createClient from "openapi-fetch";
import type { Session } from "../auth/session";
import type { paths } from "./schema";

export interface ProblemDetails {
  title: string;
  status: number;
  detail: string;
  class?: string;
  hint?: string;
}

// An error of the API. `message` says what is wrong, `hint` what to do.
export class Problem extends Error {
  readonly status: number;
  readonly hint: string;
  readonly kind: string;

  constructor(told: ProblemDetails) {
    super(told.detail);
    this.status = told.status;
    this.hint = told.hint ?? "";
    this.kind = told.class ?? told.title;
  }
}

// What went wrong, and what to do about it.
export function said(error: unknown): string {
  const message = error instanceof Error ? error.message : "Something went wrong.";
  return error instanceof Problem && error.hint ? `${message} ${error.hint}` : message;
}

export type Api = ReturnType<typeof createClient<paths>> & {
  // A reply that is no JSON, with its headers.
  raw: (path: string, init?: RequestInit) => Promise<Response>;
};

// What a call has given; a call without an answer has raised a Problem before.
export async function given<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call;
  if (data === undefined) throw new Problem({ title: "Empty", status: 0, detail: "The API's answer is empty." });
  return data;
}

export function makeApi(session: Session, patience = 30_000): Api {
  async function send(request: Request): Promise<Response> {
    try {
      return await fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(patience)]) });
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw new Problem({
        title: "No answer",
        status: 0,
        detail: "Waybill's API does not answer.",
        hint: session.local ? "Is `waybill up` running?" : "Check the connection, and try again.",
      });
    }
  }

  async function authorized(request: Request): Promise<Response> {
    const again = request.clone();
    request.headers.set("Authorization", `Bearer ${await session.token()}`);
    const reply = await send(request);
    if (reply.status !== 401) return checked(reply);
    session.forget();
    again.headers.set("Authorization", `Bearer ${await session.token()}`);
    return checked(await send(again));
  }

  const base = session.config.api.replace(/\/api$/, "");
  const client = createClient<paths>({ baseUrl: base, fetch: authorized });
  return Object.assign(client, {
    raw: (path: string, init?: RequestInit) => authorized(new Request(new URL(base + path, window.location.href), init)),
  });
}

async function checked(reply: Response): Promise<Response> {
  if (reply.ok) return reply;
  let told: Partial<ProblemDetails> = {};
  try {
    told = (await reply.json()) as Partial<ProblemDetails>;
  } catch {
    // A gateway's own page: its status is all there is to tell.
  }
  throw new Problem({
    title: told.title ?? reply.statusText,
    status: reply.status,
    detail: told.detail ?? `The API answered ${reply.status}.`,
    ...(told.class ? { class: told.class } : {}),
    ...(told.hint ? { hint: told.hint } : {}),
  });
}
