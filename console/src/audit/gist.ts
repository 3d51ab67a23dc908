// What a person wants of a record's detail: what was asked for, the run that came of it, or why nothing did.
interface Said {
  request?: Record<string, unknown> | null;
  reply?: Record<string, unknown> | null;
  why?: string;
}

export function gistOf(text: string): string {
  let said: Said | null;
  try {
    said = JSON.parse(text) as Said | null;
  } catch {
    return "Show";
  }
  const parts = [said?.request?.kind, said?.request?.mode, said?.reply?.run_id, said?.reply?.detail, said?.why];
  return parts.filter((part) => typeof part === "string" && part).join(" ") || "Show";
}
