// Starts a run, and goes to its page.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { useNavigate } from "react-router";
import type { RunView } from "../api/types";
import { useApi } from "../app/context";

export function useStart() {
  const api = useApi();
  const go = useNavigate();
  const queries = useQueryClient();
  // The same key for the same request: a button pressed twice, or a reply that was lost, starts one run.
  const key = useRef({ of: "", key: "" });
  return useMutation({
    mutationFn: async (asked: object) => {
      const body = JSON.stringify(asked);
      if (key.current.of !== body) key.current = { of: body, key: crypto.randomUUID() };
      const reply = await api.raw("/api/runs", {
        method: "POST",
        body,
        headers: { "Content-Type": "application/json", "Idempotency-Key": key.current.key },
      });
      return (await reply.json()) as RunView;
    },
    onSuccess: async (run) => {
      key.current = { of: "", key: "" };
      void queries.invalidateQueries({ queryKey: ["runs"] });
      await go(`/runs/${run.run_id}`);
    },
  });
}
