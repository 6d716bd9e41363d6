// Waiting that ends: with the value, with its own time, or with the deadline.
import test from 'ava';
import { deadlineIn, within } from '#tsa/deadline.ts';

const long = 3_600_000;
const { promise: never } = Promise.withResolvers<string>();

test('a value that comes in time is given', async (t) => {
  t.is(await within(Promise.resolve('value'), long, deadlineIn(long)), 'value');
});

test('a failure in time is thrown', async (t) => {
  const error = new Error('failed');
  t.is(await t.throwsAsync(within(Promise.reject(error), long, deadlineIn(long))), error);
});

test('without a value, waiting ends with its time', async (t) => {
  const deadline = deadlineIn(long);
  t.is(await within(never, 5, deadline), undefined);
  t.false(deadline.passed());
});

test('without a value, waiting ends with the deadline, now and later', async (t) => {
  const deadline = deadlineIn(5);
  t.is(await within(never, long, deadline), undefined);
  t.true(deadline.passed());
  t.is(await within(never, long, deadline), undefined);
});

test('settled, it still ends the waiting that has begun', async (t) => {
  const deadline = deadlineIn(5);
  const waiting = within(never, long, deadline);
  deadline.settle();
  t.is(await waiting, undefined);
});

test('who took the call back is not called', async (t) => {
  const deadline = deadlineIn(5);
  const taken = deadline.whenPassed(() => {
    t.fail();
  });
  taken();
  await within(never, long, deadline);
  t.pass();
});
