import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    maxWorkers: "100%",
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts"], testTimeout: 20_000, isolate: false } },
      { test: { name: "whole", include: ["test/**/*.test.ts"], testTimeout: 240_000, hookTimeout: 240_000 } },
    ],
  },
});
