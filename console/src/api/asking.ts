// What pages ask of the API, each question once: the same key is the same question, asked once for all who show its answer.
import { useQuery } from "@tanstack/react-query";
import { useApi } from "../app/context";
import { type Sample, isLive, progressOf, sampled } from "../parts/runs";
import { type Api, given } from "./client";
import type { OrgView, RunKind, RunStatus, RunView } from "./types";

export const SOON = 1_000; // milliseconds between two looks at what moves, where no events come
export const LATER = 15_000;

export function useStatus(every: number | false = LATER) {
  const api = useApi();
  return useQuery({ queryKey: ["status"], queryFn: () => given(api.GET("/api/status")), refetchInterval: every });
}

export interface RunsAsked {
  kind?: RunKind | undefined;
  status?: RunStatus | undefined;
  cursor?: string | undefined;
  limit: number;
}

export async function askRuns(api: Api, asked: RunsAsked): Promise<{ items: RunView[]; next: string | null }> {
  const { kind, status, cursor, limit } = asked;
  const query = { limit, ...(kind ? { kind } : {}), ...(status ? { status } : {}), ...(cursor ? { cursor } : {}) };
  return given(api.GET("/api/runs", { params: { query } }));
}

export function useRuns(limit: number) {
  const api = useApi();
  return useQuery({
    queryKey: ["runs", { limit }],
    queryFn: () => askRuns(api, { limit }),
    refetchInterval: (query) => (query.state.data?.items.some(isLive) ? 2 * SOON : LATER),
  });
}

// A run as it was seen last, and how far it was the times before.
export interface Watched {
  run: RunView;
  samples: Sample[];
}

export function watched(run: RunView, before: Watched | undefined): Watched {
  return { run, samples: sampled(before?.samples ?? [], { at: Date.now(), done: progressOf(run).done }) };
}

export function useRun(runId: string, every: number) {
  const api = useApi();
  const queryKey = ["run", runId];
  return useQuery({
    queryKey,
    queryFn: async ({ client }) => {
      const run = await given(api.GET("/api/runs/{run_id}", { params: { path: { run_id: runId } } }));
      return watched(run, client.getQueryData<Watched>(queryKey));
    },
    structuralSharing: false,
    refetchInterval: (query) => (query.state.data && !isLive(query.state.data.run) ? false : every),
  });
}

export function useThroughput(runId: string | undefined, live: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ["throughput", runId],
    queryFn: () => given(api.GET("/api/runs/{run_id}/throughput", { params: { path: { run_id: runId ?? "" } } })),
    enabled: runId !== undefined,
    refetchInterval: live ? 5 * SOON : false,
  });
}

export function useErrorClasses() {
  const api = useApi();
  return useQuery({ queryKey: ["errors"], queryFn: () => given(api.GET("/api/errors")), refetchInterval: LATER });
}

export function useSettings() {
  const api = useApi();
  return useQuery({ queryKey: ["settings"], queryFn: () => given(api.GET("/api/settings")), staleTime: 300_000 });
}

export function usePlan(enabled = true) {
  const api = useApi();
  return useQuery({ queryKey: ["plan"], queryFn: () => given(api.GET("/api/plan")), staleTime: 60_000, enabled });
}

export function useOrgs() {
  const api = useApi();
  return useQuery({ queryKey: ["orgs"], queryFn: () => given(api.GET("/api/config/orgs")), staleTime: 30_000 });
}

export function useOrg(name: string): { org: OrgView | undefined; isPending: boolean } {
  const { data, isPending } = useOrgs();
  return { org: data?.items.find((each) => each.name === name), isPending };
}

export function useReadiness(enabled = true) {
  const api = useApi();
  return useQuery({ queryKey: ["readiness"], queryFn: () => given(api.GET("/api/readiness")), staleTime: 10_000, enabled });
}
