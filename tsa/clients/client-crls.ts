// CRLs of clients' authorities as they near their end: behind it nobody comes in at their listener (RFC 5280 §6.3.3).
import type { EventSink } from '#shared/ports/runtime.ts';
import { compareInstants } from '#shared/time.ts';
import type { CertificateList } from '#shared/x509/crl.ts';

/** So long before its end at most somebody is told. */
const longestMs = 2 * 24 * 3_600_000;

/** From when on the next one is late: the last quarter of its life, two days at most. */
function dueAt({ thisUpdate, nextUpdate }: CertificateList): Temporal.Instant | undefined {
  if (!nextUpdate) return undefined;
  const life = nextUpdate.epochMilliseconds - thisUpdate.epochMilliseconds;
  return nextUpdate.subtract({ milliseconds: Math.min(longestMs, Math.floor(life / 4)) });
}

/** A function that says of each CRL once that it ends soon, and once that it has ended. */
export function createCrlWatch(
  events: EventSink,
): (crls: readonly CertificateList[], now: Temporal.Instant) => void {
  const said = new Set<string>();
  return (crls, now) => {
    for (const crl of crls) {
      const { issuer, nextUpdate, fingerprint } = crl;
      const due = dueAt(crl);
      if (!nextUpdate || !due || compareInstants(now, due) < 0) continue;
      const level = compareInstants(now, nextUpdate) < 0 ? 'warn' : 'error';
      const key = `${level} ${fingerprint}`;
      if (said.has(key)) continue;
      said.add(key);
      const ends = nextUpdate.toString();
      events({ level, name: 'tsa.listener.crl-ending', issuer: issuer.text, nextUpdate: ends });
    }
  };
}
