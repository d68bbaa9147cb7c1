/** pg: query_timeout of its own, and what the kernel says when nobody has one. */
import { deepEqual, equal } from 'node:assert/strict';
import { DATABASE_PORT, serveDatabase } from '../../../src/cli/half-open/database.ts';
import { libraryTest, near, once } from './stage.ts';

libraryTest('pg', ['pg'], async (stage, { default: pg }) => {
  await stage.server.run(serveDatabase);
  await stage.client.run(async () => {
    const pool = new pg.Pool({ host: 'server', user: 'app', database: 'shop', query_timeout: 5000, connectionTimeoutMillis: 3000, max: 1 });
    pool.on('error', () => {});
    deepEqual((await pool.query('select one')).rows, [{ answer: 'select one' }]);

    const mend = stage.drop(DATABASE_PORT);
    const lost = await stage.outcome(pool.query('select two'));
    equal(lost.error?.message, 'Query read timeout');
    near(lost.seconds, 5);
    const refused = await stage.outcome(pool.query('select three'));
    equal(refused.error?.message, 'Connection terminated due to connection timeout');
    near(refused.seconds, 3);
    mend();
    deepEqual((await pool.query('select four')).rows, [{ answer: 'select four' }]);

    const client = new pg.Client({ host: 'server', user: 'app', database: 'shop' });
    client.on('error', () => {});
    await client.connect();
    stage.drop(DATABASE_PORT);
    const failed = once(client, 'error');
    const hung = await stage.outcome(client.query('select five'));
    equal(hung.error?.code, 'ETIMEDOUT');
    near(hung.seconds, 945.3, 0.5);
    await failed;
  });
});
