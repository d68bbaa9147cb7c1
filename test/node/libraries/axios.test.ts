/** axios: its timeout, and what the kernel says without one. */
import { deepEqual, equal } from 'node:assert/strict';
import { HTTP_PORT, serveHttp } from './http-server.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('axios', ['axios'], async (stage, { default: axios }) => {
  await stage.server.run(serveHttp);
  await stage.client.run(async () => {
    const client = axios.create({ baseURL: 'http://server', timeout: 4000, proxy: false });
    const { status, data } = await client.get('/hello');
    equal(status, 200);
    deepEqual(data, { answer: '/hello' });
    const slow = await stage.outcome(client.get('/slow'));
    equal(slow.error?.code, 'ECONNABORTED');
    near(slow.seconds, 4);

    const mend = stage.drop(HTTP_PORT);
    // No timeout: the kernel sends its SYN after 1, 1, 1, 1, 1, 2, 4, 8, 16 and 32 s again, and gives up after another 64 s.
    const hung = await stage.outcome(client.get('/hello', { timeout: 0 }));
    equal(hung.error?.code, 'ETIMEDOUT');
    near(hung.seconds, 131);
    mend();
    deepEqual((await client.get('/again')).data, { answer: '/again' });
  });
});
