// Builds two pages of one application, and beside them what the gateway has to know of it.
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const BUILT = resolve(import.meta.dirname, "dist");

/** The routes, the trusted documents, and every file once more in the two codings of browsers. */
function forTheGateway(): Plugin {
  return {
    name: "for-the-gateway",
    apply: "build",
    closeBundle() {
      copyFileSync("src/routes.json", join(BUILT, "routes.json"));
      copyFileSync("src/gql/persisted-documents.json", join(BUILT, "documents.json"));
      for (const name of readdirSync(join(BUILT, "assets"))) {
        const file = join(BUILT, "assets", name);
        const content = readFileSync(file);
        writeFileSync(`${file}.br`, brotliCompressSync(content));
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

/** While sources are served by Vite, the page stands at every path, as it does in the gateway. */
function atEveryPath(): Plugin {
  return {
    name: "at-every-path",
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        if (request.headers.accept?.includes("text/html")) request.url = "/en.html";
        next();
      });
    },
  };
}

export default defineConfig({
  plugins: [forTheGateway(), atEveryPath()],
  build: {
    target: "es2022",
    // A policy without inline content also bars what would be inlined as data.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: { input: { en: "en.html", fr: "fr.html" } },
  },
  server: { proxy: { "/graphql": "http://127.0.0.1:8000", "/readyz": "http://127.0.0.1:8000" } },
});
