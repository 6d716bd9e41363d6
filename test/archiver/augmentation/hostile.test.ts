// What somebody did to a CAdES signature is seen, and such a document is not raised; what takes nothing from it is.
import test from 'ava';
import { hostile, hostileOn } from '../../shared/validation/_hostile-cades.ts';
import { judge, nodesOf, said } from '../../shared/validation/_world.ts';
import { tryToRaise } from './_raising.ts';

for (const { name, octets, says } of hostile)
  test(`${name}: ${says}`, async (t) => {
    const { tree } = judge({ bytes: octets, at: hostileOn });
    const offence = nodesOf(tree).find(({ status }) => status !== 'valid');
    const whole = said(tree);
    t.is(offence && whole === 'valid' ? `valid but ${said(offence)}` : whole, says);
    const { outcome, asked } = await tryToRaise(octets, { on: hostileOn, tsu: 'second' });
    const signers = tree.children.length;
    t.deepEqual([outcome.kind, asked], says === 'valid' ? ['raised', signers] : ['refused', 0]);
  });
