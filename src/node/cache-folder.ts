import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * The folder of downloaded data: $ORBIFOLD_CACHE; otherwise `orbifold` in $XDG_CACHE_HOME, or in the platform's own place
 * (~/.cache, ~/Library/Caches on macOS, %LOCALAPPDATA% on Windows).
 */
export function cacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const { ORBIFOLD_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: localAppData } = environment;
  if (own) return resolve(own);
  // The XDG specification says to ignore a relative path.
  if (xdg && isAbsolute(xdg)) return join(xdg, "orbifold");
  if (platform === "darwin") return join(home, "Library", "Caches", "orbifold");
  if (platform === "win32") return join(localAppData || join(home, "AppData", "Local"), "orbifold", "Cache");
  return join(home, ".cache", "orbifold");
}
