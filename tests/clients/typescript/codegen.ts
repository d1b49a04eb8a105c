import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: "../operations/*.graphql",
  generates: {
    "generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      // All of our scalars are strings in JSON; without this line they would be `unknown`.
      config: { defaultScalarType: "string", useTypeImports: true },
    },
  },
};

export default config;
