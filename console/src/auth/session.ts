// Who is logged in: gets an access token, keeps it for this tab alone, and renews it before it runs out.
import type { SignIn } from "../api/types";
import type { Config } from "./config";
import { type Tokens, exchange, goToPool, renew, takeReturn } from "./pkce";

const KEPT = "waybill.session";
const AS = "waybill.as";
const OUT = "waybill.out";
const EARLY = 60_000; // milliseconds before its end that a token is renewed

interface Kept {
  access: string;
  refresh?: string | undefined;
  until: number;
}

// Whom the local stack lets one be.
export const LOCAL_USERS = ["admin", "approver", "operator", "viewer"] as const;
export type LocalUser = (typeof LOCAL_USERS)[number];

export class Session {
  private kept: Kept | null = read();
  private renewing: Promise<string> | null = null;

  constructor(readonly config: Config) {}

  get local(): boolean {
    return this.config.sign_in === "local";
  }

  get localUser(): LocalUser {
    const as = sessionStorage.getItem(AS);
    return LOCAL_USERS.find((user) => user === as) ?? "admin";
  }

  get loggedOut(): boolean {
    return sessionStorage.getItem(OUT) !== null;
  }

  // Whether there is, or now is, a token. False: the browser is on its way to the pool.
  async begin(): Promise<boolean> {
    if (this.local) {
      await this.token();
      return true;
    }
    const back = takeReturn();
    if (back?.error) throw new Error(`The log-in was refused: ${back.error}`);
    if (back?.code) this.keep(await exchange(await this.pool(), back.code, back.pending.verifier));
    if (this.kept) return true;
    if (!this.loggedOut) await this.logIn();
    return false;
  }

  async logIn(): Promise<void> {
    sessionStorage.removeItem(OUT);
    if (this.local) window.location.reload();
    else await goToPool(await this.pool(), window.location.pathname + window.location.search);
  }

  logOut(): void {
    this.forget();
    sessionStorage.setItem(OUT, "yes");
    window.location.assign("/");
  }

  // Local only: go on as another of the stack's users.
  become(user: LocalUser): void {
    this.forget();
    sessionStorage.setItem(AS, user);
    window.location.reload();
  }

  // A token that lasts a while yet. Raises an error where nobody is logged in any more.
  async token(): Promise<string> {
    if (this.kept && this.kept.until - Date.now() > EARLY) return this.kept.access;
    this.renewing ??= this.fresh().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  // The API did not accept the token: a local stack has been started anew, or the user was signed out everywhere.
  forget(): void {
    this.kept = null;
    sessionStorage.removeItem(KEPT);
  }

  private async fresh(): Promise<string> {
    if (this.local) this.keep(await handedOut(this.localUser));
    else if (this.kept?.refresh) {
      const refresh = this.kept.refresh;
      try {
        this.keep({ refresh_token: refresh, ...(await renew(await this.pool(), refresh)) });
      } catch (error) {
        this.forget();
        throw error;
      }
    }
    if (!this.kept) throw new Error("You are not logged in.");
    return this.kept.access;
  }

  private keep(tokens: Tokens): void {
    this.kept = { access: tokens.access_token, refresh: tokens.refresh_token, until: Date.now() + tokens.expires_in * 1000 };
    sessionStorage.setItem(KEPT, JSON.stringify(this.kept));
  }

  private async pool(): Promise<SignIn> {
    const reply = await fetch(`${this.config.api}/sign-in`);
    if (!reply.ok) throw new Error(`The API does not say where to log in (${reply.status}).`);
    return (await reply.json()) as SignIn;
  }
}

async function handedOut(user: LocalUser): Promise<Tokens> {
  const reply = await fetch("/console-session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ as: user }),
  });
  if (!reply.ok) throw new Error(`The local stack hands out no token (${reply.status}). Is \`waybill up\` running?`);
  return (await reply.json()) as Tokens;
}

function read(): Kept | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}
