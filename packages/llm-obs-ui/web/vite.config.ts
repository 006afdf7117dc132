import { defineConfig } from "vite";

// `npm run dev` shows the page beside a running query API; LLM_OBS_API says where that listens.
const api = process.env["LLM_OBS_API"] ?? "http://127.0.0.1:4319";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1", proxy: { "/graphql": api, "/login": api, "/logout": api } },
});
