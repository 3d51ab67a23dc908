import { expect, it } from "vitest";
import { bodyOf, draftOf, faultsOf, roleFor } from "./draft";

const of = (query: string) => draftOf(new URLSearchParams(query));

it("begins what writes to Salesforce as a rehearsal, and a backup as itself", () => {
  expect([of("kind=cutover").dryRun, of("kind=rollback").dryRun, of("kind=backup").dryRun, of("kind=cutover&mode=execute").dryRun]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it("asks for just one scope of a rollback", () => {
  expect(bodyOf(of("kind=rollback"))).toEqual({ kind: "rollback", mode: "dry_run", all: true });
  expect(bodyOf(of("kind=rollback&run=cutover-1"))).toEqual({ kind: "rollback", mode: "dry_run", run_id: "cutover-1", all: false });
  expect(bodyOf(of("kind=rollback&account=001000000000001AAA"))).toEqual({
    kind: "rollback",
    mode: "dry_run",
    accounts: ["001000000000001AAA"],
    all: false,
  });
});

it("takes accounts with commas, blanks or lines between, each once", () => {
  const draft = { ...of("kind=backup"), scope: "accounts" as const, accounts: "001000000000001AAA, 001000000000002AAA\n001000000000001AAA" };
  expect(bodyOf(draft).accounts).toEqual(["001000000000001AAA", "001000000000002AAA"]);
  expect(faultsOf(draft)).toEqual({});
});

it("says what is wrong, field by field", () => {
  const draft = of("kind=backup");
  expect(faultsOf({ ...draft, scope: "accounts", accounts: "Acme" }).accounts).toContain("Acme");
  expect(faultsOf({ ...draft, scope: "accounts" }).accounts).toBe("Name at least one account.");
  expect(faultsOf({ ...draft, maxFiles: "0" }).maxFiles).toBeTruthy();
  expect(faultsOf({ ...of("kind=rollback"), scope: "run" }).runId).toBeTruthy();
});

it("leaves to admins what writes to Salesforce", () => {
  expect([roleFor(of("kind=cutover")), roleFor(of("kind=cutover&mode=execute"))]).toEqual(["operator", "admin"]);
});
