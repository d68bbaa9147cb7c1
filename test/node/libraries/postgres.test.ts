/** postgres: TCP's time for a query, its own for connecting, and a query that it never answers, here and on the machine's network. */
import { equal } from 'node:assert/strict';
import { DATABASE_PORT, serveDatabase } from '../../../src/cli/half-open/database.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('postgres', ['postgres'], async (stage, { default: postgres }) => {
  await stage.server.run(serveDatabase);
  await stage.client.run(async () => {
    const options = { host: 'server', user: 'app', database: 'shop', max: 1, connect_timeout: 3, backoff: 2, fetch_types: false };
    const sql = postgres({ ...options, keep_alive: 0 });
    const ask = async (what: string) => (await sql.unsafe(`select ${what}`).simple())[0].answer;
    equal(await ask('one'), 'select one');

    // Without a timeout for queries, a query waits for TCP: fifteen retransmissions.
    let mend = stage.drop(DATABASE_PORT);
    const hung = await stage.outcome(ask('two'));
    equal(hung.error?.code, 'ETIMEDOUT');
    near(hung.seconds, 960.5, 0.5);
    // It waits until two seconds have gone by since its connection ended, then three for an answer.
    await stage.sleep(1);
    const refused = await stage.outcome(ask('three'));
    equal(refused.error?.code, 'CONNECT_TIMEOUT');
    near(refused.seconds, 4);
    mend();
    await stage.sleep(1);
    const back = await stage.outcome(ask('four'));
    equal(back.value, 'select four');
    near(back.seconds, 1.06);
    await sql.end({ timeout: 1 });

    // A query that is begun between `error` and `close` of the connection goes into the dead one, and is lost (seen with the
    // machine's sockets and a server that resets the connection, too).
    const lost = postgres({ ...options, keep_alive: 5 });
    equal((await lost.unsafe('select one').simple())[0].answer, 'select one');
    mend = stage.drop(DATABASE_PORT);
    const silent = await stage.outcome(lost.unsafe('select two').simple());
    equal(silent.error?.code, 'ETIMEDOUT');
    mend();
    const never = await Promise.race([lost.unsafe('select three').simple(), stage.sleep(3600)]);
    equal(never, undefined);
  });
});
