// Every page and its path. Each is a piece of its own, loaded when it is first opened.
import { type RouteObject, createBrowserRouter } from "react-router";
import { Shell } from "./Shell";
import { Broken } from "./Broken";

const PAGES: RouteObject[] = [
  {
    path: "/",
    element: <Shell />,
    HydrateFallback: () => null,
    children: [
      {
        errorElement: <Broken />,
        children: [
          { index: true, lazy: () => import("../pages/Overview") },
          { path: "start", lazy: () => import("../pages/Start") },
          { path: "runs", lazy: () => import("../pages/Runs") },
          { path: "runs/:runId", lazy: () => import("../pages/Run") },
          { path: "accounts", lazy: () => import("../pages/Accounts") },
          { path: "accounts/:accountId", lazy: () => import("../pages/Account") },
          { path: "files/:entryId", lazy: () => import("../pages/File") },
          { path: "readiness", lazy: () => import("../pages/Readiness") },
          { path: "errors", lazy: () => import("../pages/Errors") },
          { path: "records/loads", lazy: () => import("../pages/Loads") },
          { path: "records/new", lazy: () => import("../pages/NewLoad") },
          { path: "records/objects", lazy: () => import("../pages/Objects") },
          { path: "records/mappings", lazy: () => import("../pages/Mappings") },
          { path: "records/sync", lazy: () => import("../pages/Sync") },
          { path: "migrations", lazy: () => import("../pages/Migrations") },
          { path: "migrations/:migrationId", lazy: () => import("../pages/Migration") },
          { path: "orgs", lazy: () => import("../pages/Orgs") },
          { path: "orgs/return", lazy: () => import("../pages/OrgReturn") },
          { path: "links", lazy: () => import("../pages/Links") },
          { path: "audit", lazy: () => import("../pages/Audit") },
          { path: "settings", lazy: () => import("../pages/Settings") },
          { path: "*", lazy: () => import("../pages/Missing") },
        ],
      },
    ],
  },
];

// Made once one is logged in: coming back from the user pool, the address is the page's again only then.
export function makeRouter() {
  return createBrowserRouter(PAGES);
}
