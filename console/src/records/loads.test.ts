import { describe, expect, it } from "vitest";
import { guess, headerOf } from "./loads";

describe("the columns of a CSV file", () => {
  it("are those of its first line, quoted or not", () => {
    expect(headerOf('Name,"Billing, city","a ""b"""\r\nx,y,z')).toEqual(["Name", "Billing, city", 'a "b"']);
  });
  it("may have semicolons or tabs between", () => {
    expect([headerOf("A;B;C,D\n1;2;3"), headerOf("A\tB\n")]).toEqual([
      ["A", "B", "C,D"],
      ["A", "B"],
    ]);
  });
  it("may go over a line's end within quotes", () => {
    expect(headerOf('"a\nb",c\n1,2')).toEqual(["a\nb", "c"]);
  });
});

describe("a column's field", () => {
  const fields = [
    { name: "Name", label: "Account Name" },
    { name: "Unit_Price__c", label: "Price" },
  ];
  it("is found by name or label, however they are written", () => {
    expect([guess("unit price", fields), guess("PRICE", fields), guess("Account-Name", fields)]).toEqual(["Unit_Price__c", "Unit_Price__c", "Name"]);
  });
  it("is left open where none is meant", () => {
    expect(guess("Remarks", fields)).toBe("");
  });
});
