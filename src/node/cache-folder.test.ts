import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { cacheFolder } from "./cache-folder.ts";

describe("cacheFolder", () => {
  test("is $ORBIFOLD_CACHE before all else", () => {
    const environment = { ORBIFOLD_CACHE: "mine", XDG_CACHE_HOME: "/xdg" };
    expect(cacheFolder(environment, "linux", "/home/ada")).toBe(resolve("mine"));
  });

  test("follows $XDG_CACHE_HOME, unless that is empty or relative", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: "/xdg" }, "linux", "/home/ada")).toBe(join("/xdg", "orbifold"));
    for (const ignored of ["", "relative"]) {
      const folder = cacheFolder({ XDG_CACHE_HOME: ignored }, "linux", "/home/ada");
      expect(folder).toBe(join("/home/ada", ".cache", "orbifold"));
    }
  });

  test("is otherwise where the platform keeps caches", () => {
    expect(cacheFolder({}, "darwin", "/Users/ada")).toBe(join("/Users/ada", "Library", "Caches", "orbifold"));
    expect(cacheFolder({ LOCALAPPDATA: "/local" }, "win32", "/ada")).toBe(join("/local", "orbifold", "Cache"));
    expect(cacheFolder({}, "win32", "/ada")).toBe(join("/ada", "AppData", "Local", "orbifold", "Cache"));
  });
});
