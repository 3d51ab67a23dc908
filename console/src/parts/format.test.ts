import { describe, expect, it } from "vitest";
import { ago, between, bytes, count, dollars, duration, percent, words } from "./format";

describe("figures", () => {
  it("has commas, and a dash for what is not known", () => {
    expect([count(1234567), count(0), count(null)]).toEqual(["1,234,567", "0", "–"]);
  });
  it("tells sizes in the unit that is read best", () => {
    expect([bytes(0), bytes(999), bytes(1000), bytes(12_345_678), bytes(999_600)]).toEqual(["0 B", "999 B", "1.0 kB", "12 MB", "1.0 MB"]);
  });
  it("never says 100 % while something is missing", () => {
    expect([percent(999_999, 1_000_000), percent(10, 10), percent(0, 10), percent(1, 0)]).toEqual(["99.9 %", "100 %", "0 %", "–"]);
  });
  it("tells of small costs as small, not as none", () => {
    expect([dollars(0), dollars(0.001), dollars(3.456)]).toEqual(["$0.00", "under $0.01", "$3.46"]);
  });
});

describe("times", () => {
  it("tells durations in two units", () => {
    expect([duration(0.4), duration(59), duration(61), duration(3_720), duration(200_000)]).toEqual([
      "under 1 s",
      "59 s",
      "1 min 1 s",
      "1 h 2 min",
      "2 d 7 h",
    ]);
  });
  it("tells a run's duration up to now while it has not ended", () => {
    const now = Date.parse("2026-11-21T10:00:30Z");
    expect(between("2026-11-21T10:00:00Z", null, now)).toBe("30 s");
    expect(between("2026-11-21T09:00:00Z", "2026-11-21T09:00:05Z", now)).toBe("5 s");
    expect(ago("2026-11-21T09:00:30Z", now)).toBe("1 h ago");
  });
});

it("makes words of names", () => {
  expect([words("source_missing"), words("AccessDenied")]).toEqual(["Source missing", "Access Denied"]);
});
