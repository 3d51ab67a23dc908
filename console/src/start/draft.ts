// What is to be started, as the form has it, and as the API is asked for it.
import { roleToStart } from "../auth/roles";
import type { Role } from "../api/types";

export type Kind = "backup" | "cutover" | "rollback";
export type Scope = "all" | "accounts" | "run";

export interface Draft {
  kind: Kind;
  // Of a backup.
  mode: "full" | "incremental";
  // Of all three.
  dryRun: boolean;
  deep: boolean;
  maxFiles: string;
  strict: boolean;
  careful: boolean;
  allowPrivateLinks: boolean;
  scope: Scope;
  accounts: string;
  runId: string;
}

export function draftOf(asked: URLSearchParams): Draft {
  const kind = asked.get("kind");
  const known: Kind = kind === "cutover" || kind === "rollback" ? kind : "backup";
  return {
    kind: known,
    mode: asked.get("mode") === "incremental" ? "incremental" : "full",
    // What writes to Salesforce begins as a rehearsal.
    dryRun: known !== "backup" && asked.get("mode") !== "execute",
    deep: false,
    maxFiles: "",
    strict: false,
    careful: false,
    allowPrivateLinks: false,
    scope: asked.get("run") ? "run" : asked.get("account") ? "accounts" : "all",
    accounts: asked.get("account") ?? "",
    runId: asked.get("run") ?? "",
  };
}

const ACCOUNT = /^([A-Za-z0-9]{15}([A-Za-z0-9]{3})?|no-account)$/;

export function accountsOf(draft: Draft): string[] {
  return draft.scope === "accounts" ? [...new Set(draft.accounts.split(/[\s,;]+/).filter(Boolean))] : [];
}

// What is wrong with the form, field by field.
export function faultsOf(draft: Draft): Partial<Record<"accounts" | "runId" | "maxFiles", string>> {
  const accounts = accountsOf(draft);
  const wrong = accounts.find((id) => !ACCOUNT.test(id));
  return {
    ...(draft.scope === "accounts" && !accounts.length ? { accounts: "Name at least one account." } : {}),
    ...(wrong ? { accounts: `${wrong} is no id of an account: it has 15 or 18 letters and digits.` } : {}),
    ...(draft.scope === "run" && draft.kind === "rollback" && !draft.runId.trim() ? { runId: "Choose the cutover." } : {}),
    ...(draft.kind === "backup" && draft.maxFiles && !/^[1-9]\d{0,8}$/.test(draft.maxFiles) ? { maxFiles: "A whole number above 0." } : {}),
  };
}

// The body of POST /api/runs.
export function bodyOf(draft: Draft): Record<string, unknown> {
  const accounts = accountsOf(draft);
  const some = accounts.length ? { accounts } : {};
  const mode = draft.dryRun ? "dry_run" : "execute";
  switch (draft.kind) {
    case "backup":
      return {
        kind: "backup",
        mode: draft.mode,
        ...some,
        dry_run: draft.dryRun,
        deep: draft.deep,
        ...(draft.maxFiles ? { max_files: Number(draft.maxFiles) } : {}),
      };
    case "cutover":
      return { kind: "cutover", mode, ...some, strict: draft.strict, careful: draft.careful, allow_private_links: draft.allowPrivateLinks };
    case "rollback":
      return { kind: "rollback", mode, ...some, ...(draft.scope === "run" ? { run_id: draft.runId.trim() } : {}), all: draft.scope === "all" };
  }
}

export function roleFor(draft: Draft): Role {
  return roleToStart(draft.kind, draft.dryRun);
}
