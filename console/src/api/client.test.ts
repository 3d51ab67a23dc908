import { expect, it } from "vitest";
import { Problem, said } from "./client";

it("says what went wrong, and what to do about it where somebody knows", () => {
  const told = { type: "about:blank", title: "Conflict", status: 409, detail: "A run is at work." };
  expect(said(new Problem({ ...told, hint: "Wait for it." }))).toBe("A run is at work. Wait for it.");
  expect(said(new Problem(told))).toBe("A run is at work.");
  expect(said(new Error("Out of reach"))).toBe("Out of reach");
  expect(said("?")).toBe("Something went wrong.");
});
