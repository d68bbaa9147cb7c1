/** tedious: a request that is cancelled after its time, one that cannot be, the time for connecting, and keepalive on an idle connection. */
import { deepEqual, equal, match } from 'node:assert/strict';
import type { Library } from './libraries.ts';
import { libraryTest, near } from './stage.ts';
import { serveTds, TDS_PORT } from './tds-server.ts';

libraryTest('tedious', ['tedious'], async (stage, { Connection, Request, TYPES }) => {
  await stage.server.run(serveTds);
  await stage.client.run(async () => {
    const ends: string[] = [];
    const connect = (): Promise<Library> => new Promise((resolve, reject) => {
      const connection = new Connection({
        server: 'server',
        authentication: { type: 'default', options: { userName: 'app', password: 'secret' } },
        options: { port: TDS_PORT, encrypt: false, connectTimeout: 3000, requestTimeout: 4000, cancelTimeout: 5000 },
      });
      connection.on('error', ({ code, message }: NodeJS.ErrnoException) => ends.push(`${code} ${message}`));
      connection.on('end', () => ends.push('end'));
      connection.connect((error: unknown) => (error ? reject(error) : resolve(connection)));
    });
    const ask = (connection: Library, text: string, parameter?: string): Promise<string[]> => new Promise((resolve, reject) => {
      const values: string[] = [];
      const request = new Request(text, (error: unknown) => (error ? reject(error) : resolve(values)));
      request.on('row', ([column]: Library[]) => values.push(column.value));
      if (parameter === undefined) return connection.execSqlBatch(request);
      request.addParameter('x', TYPES.NVarChar, parameter);
      connection.execSql(request);
    });

    const connection = await connect();
    deepEqual(await ask(connection, 'select one'), ['select one']);
    deepEqual(await ask(connection, 'select @x', 'two'), ['select @x']);
    // More than a packet, both ways.
    const long = `select '${'x'.repeat(3900)}'`;
    deepEqual(await ask(connection, long), [long]);

    // The server works for longer than the request may take: it is told to stop, and the connection is good for the next.
    const slow = await stage.outcome(ask(connection, "waitfor delay '00:00:10'"));
    deepEqual([slow.error?.code, slow.error?.message], ['ETIMEOUT', 'Timeout: Request failed to complete in 4000ms']);
    near(slow.seconds, 4.08);
    deepEqual(await ask(connection, 'select three'), ['select three']);

    // Nobody answers: four seconds for the request, five for its end, and the connection is given up.
    let mend = stage.drop(TDS_PORT);
    const lost = await stage.outcome(ask(connection, 'select four'));
    deepEqual([lost.error?.code, lost.error?.message], ['ETIMEOUT', 'Failed to cancel request in 5000ms']);
    near(lost.seconds, 9);
    deepEqual(ends, ['end']);
    const after = await stage.outcome(ask(connection, 'select five'));
    equal(after.error?.code, 'EINVALIDSTATE');
    const refused = await stage.outcome(connect());
    match(refused.error?.message as string, /^Failed to connect to server:1433 in 3000ms/);
    near(refused.seconds, 3);
    mend();

    // Nobody asks: keepalive begins after 30 s, and ten probes go unanswered, one a second.
    const idle = await connect();
    await stage.sleep(100);
    deepEqual(await ask(idle, 'select six'), ['select six']);
    mend = stage.drop(TDS_PORT);
    ends.length = 0;
    const at = stage.now;
    await stage.world.until(() => ends.length === 2, 60e6);
    near(stage.now - at, 40);
    deepEqual(ends, ['end', 'ESOCKET Connection lost - read ETIMEDOUT']);
    mend();
    const next = await connect();
    deepEqual(await ask(next, 'select seven'), ['select seven']);
    next.close();
  });
});
