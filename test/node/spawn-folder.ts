/** Worlds with programs in processes of their own, for tests: each world runs in a process too, from dist/, as a user's does. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { buildPackage, cleanEnvironment, scratchFolder } from './sim-test-file.ts';

/** What every world of these tests begins with; `one` runs a world with two hosts and gives what its body gave, and how it ended. */
const BEFORE = `
  import net from 'node:net';
  import http from 'node:http';
  import dgram from 'node:dgram';
  import fs from 'node:fs';
  import { once } from 'node:events';
  import { createHash } from 'node:crypto';
  import { simulate, WorldLog } from 'sockscape/sim';
  const told = {};
  const words = (error) => error.name + ': ' + error.message;
  const one = async (body, options = {}) => {
    const log = new WorldLog();
    const result = { value: null, error: null, log: '', pcapng: '', timeUs: 0, escapes: [] };
    try {
      result.value = await simulate({ seed: 1, log, record: true, ...options }, async (world) => {
        const client = world.host('client'), server = world.host('server');
        world.cable(client, server, { delayUs: 1000 });
        try { return await body({ world, client, server }); } finally {
          result.timeUs = world.now;
          result.escapes = world.escapes();
          result.pcapng = createHash('sha256').update(world.recording.bytes()).digest('hex');
        }
      });
    } catch (error) {
      result.error = words(error);
    }
    result.log = log.text();
    return result;
  };
`;
const AFTER = '\n;console.log(JSON.stringify(told));\n';

export interface OneWorld<T = unknown> {
  readonly value: T;
  readonly error: string | null;
  readonly log: string;
  readonly pcapng: string;
  readonly timeUs: number;
  readonly escapes: readonly { readonly name: string; readonly what: string; readonly where: string }[];
}

export class SpawnFolder {
  private readonly folder = scratchFolder();
  private mains = 0;

  constructor(programs: Readonly<Record<string, string>>) {
    buildPackage();
    process.on('exit', () => this.folder.remove());
    for (const [name, text] of Object.entries(programs)) this.folder.write(name, text);
  }

  get path(): string {
    return this.folder.path;
  }

  /** Writes a main program: its path. */
  main(text: string): string {
    return this.folder.write(`main-${++this.mains}.mjs`, BEFORE + text);
  }

  run(text: string, args: readonly string[] = []): SpawnSyncReturns<string> {
    const path = this.main(text + AFTER);
    return spawnSync(process.execPath, [...args, path], { encoding: 'utf8', env: cleanEnvironment(), timeout: 60_000, cwd: this.path, maxBuffer: 1 << 26 });
  }

  /** What the worlds have told, by name; the test fails when the process prints anything else. */
  result<T>(text: string, args: readonly string[] = []): T {
    const { signal, status, stderr, stdout } = this.run(text, args);
    if (status !== 0 || stderr !== '') throw new Error(`status ${status ?? signal}\n${stderr}\n${stdout}`);
    return JSON.parse(stdout) as T;
  }
}
