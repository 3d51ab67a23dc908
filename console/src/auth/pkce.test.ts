import { describe, expect, it } from "vitest";
import { challengeOf, encoded, returnedFrom } from "./pkce";
import { includes, roleToStart } from "./roles";

describe("log-in by the user pool", () => {
  it("makes the challenge of RFC 7636, appendix B", async () => {
    expect(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  });
  it("writes no character that an address would change", () => {
    expect(encoded(new Uint8Array([251, 255, 190]))).toBe("-_--");
  });

  const kept = JSON.stringify({ verifier: "v", state: "s1", path: "/runs" });

  it("takes the code that comes back with the state it was asked with", () => {
    expect(returnedFrom("?code=c&state=s1", kept)).toEqual({ code: "c", pending: { verifier: "v", state: "s1", path: "/runs" } });
  });
  it("takes no code that this tab has not asked for", () => {
    expect([returnedFrom("?code=c&state=other", kept), returnedFrom("?code=c&state=s1", null), returnedFrom("", kept)]).toEqual([
      null,
      null,
      null,
    ]);
  });
  it("tells why the pool refused", () => {
    expect(returnedFrom("?error=access_denied&state=s1", kept)?.error).toBe("access_denied");
  });
});

describe("roles", () => {
  it("lets each do what those before it may", () => {
    expect([includes("admin", "operator"), includes("viewer", "operator"), includes(null, "viewer")]).toEqual([true, false, false]);
  });
  it("leaves to admins what writes to Salesforce", () => {
    expect([roleToStart("backup", false), roleToStart("cutover", true), roleToStart("cutover", false), roleToStart("undo", false)]).toEqual([
      "operator",
      "operator",
      "admin",
      "admin",
    ]);
  });
});
