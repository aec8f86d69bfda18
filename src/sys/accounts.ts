import { readTextIfReachable } from './stat.ts';

/** The entries of passwd(5) and group(5) of this host. Users of a directory service are in neither. */
export interface Accounts {
  /** Names of users by UID. */
  users: ReadonlyMap<number, string>;
  groups: ReadonlyMap<number, { name: string; members: readonly string[] }>;
}

export function readAccounts(): Accounts {
  const read = (path: string): string => readTextIfReachable(path) ?? '';
  return parseAccounts(read('/etc/passwd'), read('/etc/group'));
}

/** @param passwd text of /etc/passwd; `group`: of /etc/group */
export function parseAccounts(passwd: string, group: string): Accounts {
  const entriesOf = (text: string): string[][] =>
    text
      .split('\n')
      .map((line) => line.split(':'))
      .filter(([name, , id]) => name && /^\d+$/.test(id ?? ''));
  return {
    users: new Map(entriesOf(passwd).map(([name = '', , uid]) => [Number(uid), name])),
    groups: new Map(
      entriesOf(group).map(([name = '', , gid, members = '']) => [
        Number(gid),
        { name, members: members.split(',').filter(Boolean) },
      ]),
    ),
  };
}

/**
 * Whether only the user (or root) is in the group: the group root, or a user private group, which has the name of
 * its user and no other member. Users with such a group have a umask of 002, so their files are group-writable.
 */
export function isPrivateGroup({ users, groups }: Accounts, gid: number, uid: number): boolean {
  if (gid === 0) return true;
  const group = groups.get(gid);
  if (group === undefined) return gid === uid;
  const user = users.get(uid);
  return group.name === user && group.members.every((member) => member === user);
}

/** `user alice (1001)` */
export function describeUser({ users }: Accounts, uid: number): string {
  const name = users.get(uid);
  return name === undefined ? `user ${uid}` : `user ${name} (${uid})`;
}

/** `group kvm (104)` */
export function describeGroup({ groups }: Accounts, gid: number): string {
  const group = groups.get(gid);
  return group === undefined ? `group ${gid}` : `group ${group.name} (${gid})`;
}
