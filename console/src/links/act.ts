// What an administrator does with links of the gateway; what came of it is told at the top.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { given, said } from "../api/client";
import type { Revocation, RevokeRequest } from "../api/types";
import { useApi, useWaybill } from "../app/context";

export type LinkAct = { does: "rotate" } | { does: "revoke"; body: RevokeRequest } | { does: "restore"; scope: Revocation["scope"]; id: string };

export function useLinkAct() {
  const api = useApi();
  const { tell } = useWaybill();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (asked: LinkAct): Promise<string> => {
      switch (asked.does) {
        case "rotate":
          return `Version ${(await given(api.POST("/api/links/rotate", {}))).version} is the current one: run a cutover, which writes the links anew.`;
        case "revoke": {
          const { scope, id } = await given(api.POST("/api/links/revoke", { body: asked.body }));
          return `The links of ${scope} ${id} do not open any more.`;
        }
        case "restore":
          await given(api.DELETE("/api/links/revocations/{scope}/{of}", { params: { path: { scope: asked.scope, of: asked.id } } }));
          return `The links of ${asked.scope} ${asked.id} open again.`;
      }
    },
    onSuccess: (content) => tell({ type: "success", content }),
    onError: (error) => tell({ type: "error", header: "This was not done", content: said(error) }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["links"] }),
  });
}
