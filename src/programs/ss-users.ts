/** Who has which socket open: ss -p. */
import type { Process } from '../api/posix/process.ts';
import { readText } from '../api/posix/text-file.ts';
import { listDirectory } from './proc-files.ts';

/** By inode, in ss's words: `("nc",pid=12,fd=3)`, who came last first. */
export async function usersByInode(process: Process): Promise<Map<number, string[]>> {
  const users = new Map<number, string[]>();
  for (const pid of (await listDirectory(process, '/proc')).filter((name) => /^\d+$/.test(name))) {
    let command: string | null = null;
    let names: string[];
    try {
      names = await listDirectory(process, `/proc/${pid}/fd`);
    } catch {
      // It has ended, or is somebody else's.
      continue;
    }
    for (const fd of names) {
      const link = await process.readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      const match = /^socket:\[(\d+)\]$/.exec(link);
      if (match === null) continue;
      command ??= /^\d+ \((.*)\) /s.exec(await readText(process, `/proc/${pid}/stat`))?.[1] ?? '???';
      const inode = Number(match[1]);
      users.set(inode, [`("${command}",pid=${pid},fd=${fd})`, ...(users.get(inode) ?? [])]);
    }
  }
  return users;
}
