// Where the API is and how one logs in: told by config.json beside the page, which the deployment or the local stack writes.
export interface Config {
  // With `/api` at its end: another host in AWS, this one locally.
  api: string;
  // "pool": the user pool's pages. "local": the local stack, which hands out its own users' tokens.
  sign_in: "pool" | "local";
}

export async function loadConfig(): Promise<Config> {
  const reply = await fetch("/config.json", { cache: "no-cache" });
  if (!reply.ok) throw new Error(`config.json is missing (${reply.status}): deploy the console again.`);
  const told = (await reply.json()) as Config;
  return { ...told, api: told.api.replace(/\/$/, "") };
}
