import { describe, expect, test } from 'vitest';
import {
  describeGroup,
  describeUser,
  isPrivateGroup,
  parseAccounts,
} from '../../src/sys/accounts.ts';

const accounts = parseAccounts(
  'root:x:0:0:root:/root:/bin/bash\n# a comment\nalice:x:1001:1002::/home/alice:/bin/sh\nbob:x:1003:100::/:\n\n',
  'root:x:0:carol\nalice:x:1002:\nusers:x:100:\nbob:x:1004:bob,alice\nbroken\n',
);

describe('whether a group has only one user', () => {
  test.each([
    ['root', 0, 1001, true],
    ["the user's own group", 1002, 1001, true],
    ["another user's own group", 1002, 1003, false],
    ['a group of all users', 100, 1003, false],
    ['a group of the same name with another member', 1004, 1003, false],
    ['an unknown group with the number of the user', 7000, 7000, true],
    ['an unknown group', 7000, 1001, false],
  ])('%s', (_, gid, uid, expected) => {
    expect(isPrivateGroup(accounts, gid, uid)).toBe(expected);
  });
});

test('shows users and groups by name if they have one', () => {
  expect(describeUser(accounts, 1001)).toBe('user alice (1001)');
  expect(describeUser(accounts, 4711)).toBe('user 4711');
  expect(describeGroup(accounts, 100)).toBe('group users (100)');
  expect(describeGroup(accounts, 4711)).toBe('group 4711');
});
