// Validation data of a signature whose anchor is trusted no longer: it counts where it existed before, as a record shows
// that is over it and the document as one group. EN 319 102-1 §5.6.2.2, step 3
import test from 'ava';
import { buildValidationData } from '#shared/cms/validation-data.ts';
import { anchorOf } from '../../_authority.ts';
import { ca, crlsOf, judge, recordOver, root, said, sign } from './_world.ts';

const signature = sign();
const crls = crlsOf('2027-02-01');
const collected = buildValidationData({
  certificates: [ca.certificate, root.certificate],
  crls,
  ocspResponses: [],
});
const rows = [
  { what: 'of its group', over: [signature, collected], given: [collected], says: 'valid' },
  { what: 'not of its group', over: [signature], given: [collected], says: 'indeterminate NO_POE' },
  { what: 'not given', over: [signature, collected], given: [], says: 'indeterminate NO_POE' },
] as const;

for (const { what, over, given, says } of rows)
  test(what, (t) => {
    const { tree } = judge({
      bytes: signature,
      at: '2027-08-01',
      crls: [...crls, ...crlsOf('2027-08-01')],
      records: [
        recordOver(signature, [['first', '2027-01-20']]),
        recordOver(over, [['first', '2027-02-10']]),
      ],
      validationData: given,
      material: { signerAnchors: [anchorOf(root, Temporal.Instant.from('2027-06-01T00:00:00Z'))] },
    });
    t.is(said(tree), says);
  });
