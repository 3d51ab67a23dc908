import { expect, it } from "vitest";
import { returnedFrom } from "./browserLogin";

const KEPT = JSON.stringify({ name: "dev", state: "s1" });

it("takes what comes back for what was begun, and for nothing else", () => {
  expect(returnedFrom("?state=s1&code=c", KEPT)).toEqual({ name: "dev", state: "s1", code: "c", error: "" });
  expect(returnedFrom("?state=s1&error=access_denied&error_description=no", KEPT)?.error).toBe("no");
  expect([returnedFrom("?state=s2&code=c", KEPT), returnedFrom("?state=s1&code=c", null), returnedFrom("?code=c", KEPT)]).toEqual([null, null, null]);
});
