/**
 * Maps a name to a fraction from 0 to 1, uniformly and deterministically: it spreads out what would otherwise happen at
 * the same time, and a replay gets the same result. Not for secrets.
 *
 * @returns at least 0, less than 1
 */
export function hashFraction(name: string): number {
  // FNV-1a over the characters, then murmur3's finaliser: names that differ only in the last character would otherwise
  // get neighbouring values.
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
