// The frame around every page: top bar, navigation, messages, the page.
import AppLayout from "@cloudscape-design/components/app-layout";
import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import TopNavigation, { type TopNavigationProps } from "@cloudscape-design/components/top-navigation";
import { useEffect, useMemo, useRef, useState } from "react";
import { Outlet, useLocation, useNavigate, useNavigation } from "react-router";
import { LOCAL_USERS, type LocalUser } from "../auth/session";
import { useSettings } from "../api/asking";
import { Notices } from "./Providers";
import { useWaybill } from "./context";
import { type Theme, chooseTheme, currentTheme } from "./theme";

// `gateway`: whether the stage's links have a key, and can be revoked.
const itemsOf = (gateway: boolean): SideNavigationProps.Item[] => [
  { type: "link", text: "Overview", href: "/" },
  { type: "link", text: "Migrations", href: "/migrations" },
  {
    type: "section",
    text: "Files",
    items: [
      { type: "link", text: "Plan and start", href: "/start" },
      { type: "link", text: "Runs", href: "/runs" },
      { type: "link", text: "Accounts and files", href: "/accounts" },
      { type: "link", text: "Readiness", href: "/readiness" },
      { type: "link", text: "Errors", href: "/errors" },
    ],
  },
  {
    type: "section",
    text: "Records",
    items: [
      { type: "link", text: "Loads", href: "/records/loads" },
      { type: "link", text: "Sync", href: "/records/sync" },
      { type: "link", text: "Objects", href: "/records/objects" },
      { type: "link", text: "Mappings", href: "/records/mappings" },
    ],
  },
  {
    type: "section",
    text: "Administration",
    items: [
      { type: "link", text: "Orgs", href: "/orgs" },
      ...(gateway ? [{ type: "link" as const, text: "Links", href: "/links" }] : []),
      { type: "link", text: "Audit", href: "/audit" },
      { type: "link", text: "Settings", href: "/settings" },
    ],
  },
];

// The item of the navigation that a page belongs to.
function activeOf(path: string): string {
  if (path.startsWith("/files")) return "/accounts";
  if (path === "/records/new") return "/records/loads";
  const first = path.split("/")[1] ?? "";
  return first === "records" ? path.split("/").slice(0, 3).join("/") : `/${first}`;
}

export function Shell() {
  const go = useNavigate();
  const { pathname } = useLocation();
  const [open, setOpen] = useState(true);
  const settings = useSettings();
  const gateway = settings.data?.configuration.destination.link_style === "gateway";
  const items = useMemo(() => itemsOf(gateway), [gateway]);
  const loading = useNavigation().state !== "idle";
  const main = useRef<HTMLDivElement>(null);
  const before = useRef(pathname);
  useEffect(() => {
    // Who listens rather than looks learns that the page has changed, and begins at its heading.
    if (before.current !== pathname) main.current?.focus();
    before.current = pathname;
  }, [pathname]);
  const follow = (event: { detail: { href?: string; external?: boolean }; preventDefault: () => void }) => {
    if (event.detail.href?.startsWith("/") && !event.detail.external) {
      event.preventDefault();
      void go(event.detail.href);
    }
  };
  return (
    <>
      <div id="header">
        <Bar />
      </div>
      <AppLayout
        headerSelector="#header"
        toolsHide
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        navigationWidth={240}
        ariaLabels={{ navigation: "Pages", navigationClose: "Close the navigation", navigationToggle: "Open the navigation" }}
        navigation={
          <SideNavigation header={{ text: settings.data ? `Stage ${settings.data.stage}` : "Stage", href: "/settings" }} items={items} activeHref={activeOf(pathname)} onFollow={follow} />
        }
        notifications={<Notices />}
        content={
          <div ref={main} tabIndex={-1} className="page" aria-busy={loading}>
            <Outlet />
          </div>
        }
      />
    </>
  );
}

const THEMES: Record<Theme, string> = { system: "As this machine", light: "Light", dark: "Dark" };

function Bar() {
  const { me, session } = useWaybill();
  const go = useNavigate();
  const [theme, setTheme] = useState(currentTheme());
  const others = LOCAL_USERS.filter((user) => user !== me.name);
  const user: TopNavigationProps.MenuDropdownUtility = {
    type: "menu-dropdown",
    text: me.name,
    description: me.role ? `Role: ${me.role}` : "No role",
    iconName: "user-profile",
    ariaLabel: `Logged in as ${me.name}, ${me.role ?? "no role"}`,
    items: session.local
      ? [{ id: "as", text: "On this local stack, be", items: others.map((each) => ({ id: `as:${each}`, text: each })) }]
      : [{ id: "out", text: "Log out" }],
    onItemClick: ({ detail }) => {
      if (detail.id === "out") session.logOut();
      else session.become(detail.id.slice("as:".length) as LocalUser);
    },
  };
  const look: TopNavigationProps.MenuDropdownUtility = {
    type: "menu-dropdown",
    iconName: "view-full",
    text: "Look",
    ariaLabel: "Look: light or dark",
    items: Object.entries(THEMES).map(([id, text]) => ({ id, text, itemType: "checkbox" as const, checked: id === theme })),
    onItemClick: ({ detail }) => {
      chooseTheme(detail.id as Theme);
      setTheme(detail.id as Theme);
    },
  };
  return (
    <TopNavigation
      identity={{
        href: "/",
        title: "Waybill",
        logo: { src: "/favicon.svg", alt: "" },
        onFollow: (event) => {
          event.preventDefault();
          void go("/");
        },
      }}
      utilities={[look, user]}
    />
  );
}
