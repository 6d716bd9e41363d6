// The budget of signatures: results that are known from an earlier question save time and nothing else.
import test from 'ava';
import { createWorkBudget, verifySignedObject } from '#shared/trust/work-budget.ts';
import { issueRoot } from '../../_authority.ts';

const root = issueRoot({ subject: 'CN=Root' }).certificate;
const other = issueRoot({ subject: 'CN=Other' }).certificate;

test('a result is the same from one question to the next, with the right key and with a wrong one', (t) => {
  const answers = [root, other, root, other].map(
    ({ publicKey }) => verifySignedObject(root, publicKey, createWorkBudget()).ok,
  );
  t.deepEqual(answers, [true, false, true, false]);
});

test('a spent budget ends the work also where the result is known from before', (t) => {
  t.true(verifySignedObject(root, root.publicKey, createWorkBudget()).ok);
  const spent = { ...createWorkBudget(), signatures: 0 };
  t.like(verifySignedObject(root, root.publicKey, spent), { ok: false, reason: 'key-unusable' });
});
