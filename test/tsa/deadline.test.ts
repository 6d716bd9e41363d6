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
  t.is(await within(never, 5, deadlineIn(long)), undefined);
});

test('without a value, waiting ends with the deadline', async (t) => {
  const deadline = deadlineIn(5);
  t.is(await within(never, long, deadline), undefined);
});

test('a deadline that has passed is waited for no more', async (t) => {
  const deadline = deadlineIn(-1);
  t.true(deadline.remainingMs() < 0);
  t.is(await within(never, long, deadline), undefined);
});
