/** mysql2: the timeouts of a query and of connecting. */
import { deepEqual, equal } from 'node:assert/strict';
import { MYSQL_PORT, serveMysql } from './mysql-server.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('mysql2', ['mysql2/promise'], async (stage, { createConnection }) => {
  await stage.server.run(serveMysql);
  await stage.client.run(async () => {
    const config = { host: 'server', user: 'app', database: 'shop', connectTimeout: 3000 };
    const connection = await createConnection(config);
    connection.connection.on('error', () => {});
    deepEqual((await connection.query('select one'))[0], [{ answer: 'select one' }]);

    const mend = stage.drop(MYSQL_PORT);
    const lost = await stage.outcome(connection.query({ sql: 'select two', timeout: 4000 }));
    equal(lost.error?.code, 'PROTOCOL_SEQUENCE_TIMEOUT');
    near(lost.seconds, 4);
    const refused = await stage.outcome(createConnection(config));
    equal(refused.error?.code, 'ETIMEDOUT');
    near(refused.seconds, 3);
    mend();

    const next = await createConnection(config);
    deepEqual((await next.query('select three'))[0], [{ answer: 'select three' }]);
    // Without a timeout of its own a query waits for TCP: fifteen retransmissions.
    next.connection.on('error', () => {});
    stage.drop(MYSQL_PORT);
    const hung = await stage.outcome(next.query('select four'));
    equal(hung.error?.code, 'ETIMEDOUT');
    near(hung.seconds, 945.3, 0.5);
  });
});
