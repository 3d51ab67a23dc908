// A list of one run, page by page, asked for anew while the run lives.
import type { RunView } from "../api/types";
import { type OnePage, usePages } from "../parts/pages";
import { isLive } from "../parts/runs";

interface Params {
  path: { run_id: string };
  query: { limit: number; cursor?: string };
}

export function useRunPages<T>(run: RunView, name: string, limit: number, ask: (params: Params) => Promise<OnePage<T>>) {
  return usePages<T>(
    [name, run.run_id],
    (cursor) => ask({ path: { run_id: run.run_id }, query: { limit, ...(cursor ? { cursor } : {}) } }),
    isLive(run) ? 3_000 : false,
  );
}
