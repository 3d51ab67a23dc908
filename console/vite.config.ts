/* How the console is built: routes split, nothing inlined (the page's policy allows no inline code), and a manifest for the size test. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the console from here, and the API from `waybill up`.
const LOCAL = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  base: "/",
  build: {
    target: "es2022",
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { "/api": LOCAL, "/console-session": LOCAL, "/config.json": LOCAL } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
