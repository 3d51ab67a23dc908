// A run's events, put where the pages look.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type Watched, watched } from "../api/asking";
import type { Api } from "../api/client";
import type { RunView } from "../api/types";
import { useApi } from "../app/context";
import { Feed, type Line, type RunEvent, type Socket } from "./feed";

export interface LiveFeed {
  connected: boolean;
  // The latest errors, newest first.
  troubles: RunEvent[];
}

const SHOWN = 20;

function lineOf(api: Api, runId: string): Line {
  return {
    ticket: async () => ((await (await api.raw("/api/live/tickets", { method: "POST" })).json()) as { url: string }).url,
    open: (url) => {
      const opened = new WebSocket(url);
      const socket: Socket = { onopen: null, onmessage: null, onclose: null, close: () => opened.close() };
      opened.addEventListener("open", () => socket.onopen?.());
      opened.addEventListener("message", ({ data }) => socket.onmessage?.({ data }));
      opened.addEventListener("close", () => socket.onclose?.());
      return socket;
    },
    missed: async (after) => {
      const found: RunEvent[] = [];
      for (let more = true, last = after; more; ) {
        const reply = await api.raw(`/api/runs/${runId}/events?after=${last}&limit=1000`);
        const page = (await reply.json()) as { items: RunEvent[]; last: number; more: boolean };
        found.push(...page.items);
        ({ last, more } = page);
      }
      return found;
    },
    later: (act, milliseconds) => {
      const timer = setTimeout(act, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}

// `live`: whether there is anything to be told of the run.
export function useFeed(runId: string, live: boolean): LiveFeed {
  const api = useApi();
  const queries = useQueryClient();
  const [connected, setConnected] = useState(false);
  const [troubles, setTroubles] = useState<RunEvent[]>([]);
  useEffect(() => {
    if (!live) return;
    const take = (event: RunEvent) => {
      if (event.type === "operation:error") {
        setTroubles((all) => [event, ...all].slice(0, SHOWN));
      } else if (event.type === "operation:progress") {
        const { files, rows, phase } = event.data as Partial<RunView>;
        queries.setQueryData<Watched>(["run", runId], (before) => {
          if (!before || before.run.ended_at) return before;
          const moved = { ...(phase ? { phase } : {}), ...(files ? { files } : {}), ...(rows ? { rows } : {}) };
          return watched({ ...before.run, ...moved }, before);
        });
      } else {
        // It has ended: everything is looked at once more.
        void queries.invalidateQueries();
      }
    };
    const feed = new Feed(lineOf(api, runId), runId, take, setConnected);
    feed.start();
    return () => {
      feed.stop();
      setConnected(false);
    };
  }, [api, queries, runId, live]);
  return { connected, troubles };
}
