/**
 * Where a name falls between 0 and 1, evenly and always in the same place: it spreads out what would otherwise happen at
 * one moment, and gives every replay the same answer. Not for secrets.
 *
 * @returns at least 0, less than 1
 */
export function hashFraction(name: string): number {
  // FNV-1a over the characters; then murmur3's finaliser, because names that differ in their last character only
  // would otherwise lie close together.
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
