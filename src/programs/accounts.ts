/** Names of users and groups, from /etc/passwd and /etc/group: getpwuid(3) and getgrgid(3). */
import { readText } from '../api/posix/text-file.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

export class Accounts {
  private readonly users: ReadonlyMap<number, string>;
  private readonly groups: ReadonlyMap<number, string>;

  private constructor(users: ReadonlyMap<number, string>, groups: ReadonlyMap<number, string>) {
    this.users = users;
    this.groups = groups;
  }

  static async read(process: Syscalls): Promise<Accounts> {
    return new Accounts(namesIn(await readText(process, '/etc/passwd')), namesIn(await readText(process, '/etc/group')));
  }

  /** The name, or the number when nobody has it. */
  user(uid: number): string {
    return this.users.get(uid) ?? String(uid);
  }

  group(gid: number): string {
    return this.groups.get(gid) ?? String(gid);
  }

  uidOf(name: string): number | null {
    for (const [uid, known] of this.users) if (known === name) return uid;
    return /^\d+$/.test(name) ? Number(name) : null;
  }
}

/** NAME:PASSWORD:NUMBER:... a line; the first name of a number counts. */
function namesIn(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name = '', , number = ''] = line.split(':');
    if (name !== '' && /^\d+$/.test(number) && !names.has(Number(number))) names.set(Number(number), name);
  }
  return names;
}
