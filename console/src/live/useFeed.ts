// Live events of a run. Until the socket is there: no feed, and the pages look every second.
export interface Feed {
  connected: boolean;
  told: string;
}

export function useFeed(runId: string): Feed {
  return { connected: false, told: `${runId} is looked at every second.` };
}
