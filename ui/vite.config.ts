// Builds one script and one style sheet with fixed names, so that the server can embed them
// and a rebuild can be compared with what is committed, byte for byte.
import { defineConfig } from "vite";

const SERVER = process.env["SPANDREL_URL"] ?? "http://127.0.0.1:9411";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    cssMinify: true,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/app.js",
        assetFileNames: "assets/app[extname]",
        codeSplitting: false,
      },
    },
  },
  server: { proxy: { "/api": SERVER } },
});
