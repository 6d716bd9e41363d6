// What is asked for again and again over one state of the store: made once, the oldest forgotten.

/** Of the batches at hand, not of a whole archive. */
const maxCached = 64;

/** A map that makes what it lacks and forgets its oldest. */
export function cached<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  if (map.size >= maxCached)
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  map.set(key, made);
  return made;
}
