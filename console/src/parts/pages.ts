// A list that the API gives page by page, by cursor: the console has one page of it, and the cursors of those before.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

export interface OnePage<T> {
  items: T[];
  next?: string | null;
}

// `key` names the list with all that filters it; another key begins at the first page.
export function usePages<T>(
  key: readonly unknown[],
  ask: (cursor: string | undefined) => Promise<OnePage<T>>,
  every: number | false = false,
) {
  const name = JSON.stringify(key);
  const [place, setPlace] = useState<{ name: string; cursors: string[]; at: number }>({ name, cursors: [], at: 0 });
  const now = place.name === name ? place : { name, cursors: [], at: 0 };
  const cursor = now.at > 0 ? now.cursors[now.at - 1] : undefined;
  const query = useQuery({
    queryKey: [...key, cursor ?? ""],
    queryFn: () => ask(cursor),
    placeholderData: keepPreviousData,
    refetchInterval: every,
  });
  const next = query.data?.next;
  return {
    query,
    items: query.data?.items ?? [],
    // What Cloudscape's Pagination is given.
    pagination: {
      currentPageIndex: now.at + 1,
      pagesCount: Math.max(now.cursors.length + 1, now.at + 1 + (next ? 1 : 0)),
      openEnd: Boolean(next),
      disabled: query.isPending,
      onChange: ({ detail }: { detail: { currentPageIndex: number } }) => {
        const at = detail.currentPageIndex - 1;
        if (at > now.at) {
          if (next && at === now.at + 1) setPlace({ name, cursors: [...now.cursors.slice(0, now.at), next], at });
        } else setPlace({ name, cursors: now.cursors, at });
      },
    },
  };
}
