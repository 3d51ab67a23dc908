// The console's frame before there are pages: configuration, log-in, who one is.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import { I18nProvider } from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import Spinner from "@cloudscape-design/components/spinner";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { RouterProvider } from "react-router";
import { type Api, Problem, makeApi } from "../api/client";
import type { Me } from "../api/types";
import { loadConfig } from "../auth/config";
import { Session } from "../auth/session";
import { makeRouter } from "./routes";
import { Providers } from "./Providers";

type State =
  | { at: "starting" }
  | { at: "leaving" }
  | { at: "out"; session: Session }
  | { at: "failed"; why: string; hint: string }
  | { at: "in"; session: Session; api: Api; me: Me; router: ReturnType<typeof makeRouter> };

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What the API refused it refuses again; what did not answer may.
      retry: (times, error) => times < 2 && error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500),
      staleTime: 5_000,
      refetchOnWindowFocus: false,
    },
  },
});

async function begin(): Promise<State> {
  const session = new Session(await loadConfig());
  if (!(await session.begin())) return session.loggedOut ? { at: "out", session } : { at: "leaving" };
  const api = makeApi(session);
  const { data } = await api.GET("/api/me");
  if (!data) throw new Error("The API does not say who you are.");
  return { at: "in", session, api, me: data, router: makeRouter() };
}

export function App() {
  const [state, setState] = useState<State>({ at: "starting" });
  useEffect(() => {
    begin().then(setState, (error: unknown) =>
      setState({
        at: "failed",
        why: error instanceof Error ? error.message : "The console could not start.",
        hint: error instanceof Problem ? error.hint : "",
      }),
    );
  }, []);
  return (
    <I18nProvider locale="en" messages={[messages]}>
      {state.at === "in" ? (
        <QueryClientProvider client={queries}>
          <Providers session={state.session} api={state.api} me={state.me}>
            <RouterProvider router={state.router} />
          </Providers>
        </QueryClientProvider>
      ) : (
        <main className="starting">
          <Outside state={state} />
        </main>
      )}
    </I18nProvider>
  );
}

function Outside({ state }: { state: Exclude<State, { at: "in" }> }) {
  switch (state.at) {
    case "starting":
    case "leaving":
      return <Spinner size="large" />;
    case "out":
      return (
        <Box textAlign="center">
          <Box variant="h1" padding={{ bottom: "m" }}>
            You are logged out
          </Box>
          <Button variant="primary" onClick={() => void state.session.logIn()}>
            Log in
          </Button>
        </Box>
      );
    case "failed":
      return (
        <Alert type="error" header="The console cannot start" action={<Button onClick={() => window.location.reload()}>Try again</Button>}>
          {state.why} {state.hint}
        </Alert>
      );
  }
}
