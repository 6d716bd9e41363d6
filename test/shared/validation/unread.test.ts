// What should be evidence and cannot be read is neither passed over nor taken for good; what is merely unknown takes
// nothing away. EN 319 102-1 §5.2.2, §5.4.4.
import test from 'ava';
import { good, remarked, unreadOn, type UnreadRow } from './_unread.ts';
import { unreadContainers } from './_unread-container.ts';
import { unreadPdf } from './_unread-pdf.ts';
import { unreadXml } from './_unread-xml.ts';
import { ca, judge, nodesOf, said } from './_world.ts';

function states(kind: string, rows: readonly UnreadRow[]): void {
  for (const { name, octets, says } of rows)
    test(`${kind}: ${name}: ${says}`, (t) => {
      const material = { certificates: [ca.certificate] };
      const { tree } = judge({ bytes: octets, at: unreadOn, material });
      t.is(said(tree), says === remarked ? good : says);
      const unread = nodesOf(tree).filter(({ facts }) => facts['unread'] !== undefined);
      t.is(unread.length > 0, says !== good);
      for (const { sentence } of unread)
        t.regex(sentence.en, /cannot be read(?:, so it proves nothing)?: ./);
    });
}

states('XAdES', unreadXml);
states('PDF', unreadPdf);
states('ASiC', unreadContainers);
