/** Programs whose output nobody takes end with a status, and their world goes on. */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { CATALOGUE } from '../../src/programs/catalogue.ts';

const LINES: readonly (readonly string[])[] = [
  ['ss', '-tan'], ['ss', 'wrong ('], ['ip', 'addr'], ['ip', 'nothing'], ['ipcs'], ['lsof'], ['tcpdump', '-D'], ['tcpdump', '-r', '/none'],
  ['ipcrm', '-q', '9'], ['echo-server', 'x'], ['discard-server', 'x'], ['chargen-server', 'x'], ['http-server', 'x'], ['wrote-server', 'x'],
  ['name-server'], ['ping'], ['ping', '-c', '1', '127.0.0.1'], ['nc'], ['telnet', '127.0.0.1', '1'], ['traceroute', '127.0.0.1'],
];

for (const [how, breaks] of [
  ['closed', async (self: Process) => {
    for (const fd of [0, 1, 2]) await self.close(fd);
  }],
  ['a pipe that nobody reads', async (self: Process) => {
    await self.sigaction(C.SIGPIPE, { handler: C.SIG_IGN });
    const [reading, writing] = await self.pipe();
    for (const fd of [1, 2]) await self.dup2(writing, fd);
    for (const fd of [reading, writing]) await self.close(fd);
  }],
] as const) {
  test(`standard streams ${how}`, () => simulate({ seed: 1 }, async (world) => {
    const shell = new Process(world.host('a'), 'shell');
    for (const [name, ...args] of LINES) {
      const entry = CATALOGUE.get(name as string);
      ok(entry !== undefined, name);
      const pid = await shell.spawn(async (self) => {
        await breaks(self);
        return entry.run(self, args);
      });
      const { status } = await shell.waitpid(pid);
      ok(C.WIFEXITED(status), `${name} ${args.join(' ')}: ${status}`);
    }
  }));
}
