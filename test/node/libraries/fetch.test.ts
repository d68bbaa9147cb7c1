/** Node's own fetch: connecting by its 10 s, headers by its 300 s, and a signal's time. */
import { deepEqual, equal } from 'node:assert/strict';
import { HTTP_PORT, serveHttp } from './http-server.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('fetch', [], async (stage) => {
  await stage.server.run(serveHttp);
  await stage.client.run(async () => {
    const get = async (path: string, init?: RequestInit) => (await fetch(`http://server${path}`, init)).text();
    deepEqual(JSON.parse(await get('/hello')), { answer: '/hello' });
    const slow = await stage.outcome(get('/slow', { signal: AbortSignal.timeout(2500) }));
    equal(slow.error?.name, 'TimeoutError');
    near(slow.seconds, 2.5);

    const mend = stage.drop(HTTP_PORT);
    // There is an idle connection, so the request is sent; then there is none.
    const lost = await stage.outcome(get('/hello'));
    equal(lost.error?.cause.code, 'UND_ERR_HEADERS_TIMEOUT');
    near(lost.seconds, 300.3, 0.5);
    const refused = await stage.outcome(get('/hello'));
    equal(refused.error?.cause.code, 'UND_ERR_CONNECT_TIMEOUT');
    near(refused.seconds, 10, 1);
    mend();
    deepEqual(JSON.parse(await get('/again')), { answer: '/again' });
  });
});
