// kill -9 at moments of nights whose documents and evidence are on a real S3 server: a sample from fixed seeds;
// `npm run test:long` has more.
import test from 'ava';
import { killOnS3, stopS3 } from '../long/crash.ts';

test.after.always(stopS3);

for (const seed of [1, 2, 3, 4])
  test(`killed, seed ${seed}: nothing lost, nothing bought twice`, async (t) => {
    for (const { case: name, got } of await killOnS3(seed)) t.is(got, '', name);
  });
