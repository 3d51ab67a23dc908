import { describe, expect, it } from "vitest";
import type { OrgView } from "../api/types";
import { EMPTY, bodyOf, draftOf, faultsOf } from "./draft";

const UAT: OrgView = {
  name: "uat", own: false, kind: "sandbox", production: false, login_url: "https://acme--uat.sandbox.my.salesforce.com", auth: "client_credentials", api_version: "66.0",
  connected: true, organization_id: "00D", organization: "Acme", tested_at: "", saved_at: "", saved_by: "ana",
};

describe("an org", () => {
  it("needs a name, an address and what its login takes", () => {
    expect(Object.keys(faultsOf(EMPTY, null))).toEqual(["name", "loginUrl", "credentials"]);
    const whole = { ...EMPTY, name: "uat", loginUrl: " https://a.example ", credentials: { client_id: "app", client_secret: "s" } };
    expect(faultsOf(whole, null)).toEqual({});
    expect(bodyOf(whole)).toEqual({ name: "uat", login_url: "https://a.example", auth: "client_credentials", credentials: { client_id: "app", client_secret: "s" } });
  });
  it("may wait for the browser without a secret", () => {
    expect(faultsOf({ ...EMPTY, name: "dev", loginUrl: "https://a.example", auth: "refresh_token", credentials: { client_id: "app" } }, null)).toEqual({});
  });
  it("keeps its credentials where none are typed, and none of another login's", () => {
    expect(faultsOf(draftOf(UAT), UAT)).toEqual({});
    expect(faultsOf({ ...draftOf(UAT), auth: "jwt_bearer" }, UAT).credentials).toContain("Private key");
    expect(bodyOf({ ...draftOf(UAT), auth: "refresh_token", credentials: { client_id: "app", private_key: "k" } }).credentials).toEqual({ client_id: "app" });
  });
});
