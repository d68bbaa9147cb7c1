/** undici: its timeouts of connecting, of headers and of bodies. */
import { deepEqual, equal } from 'node:assert/strict';
import { HTTP_PORT, serveHttp } from './http-server.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('undici', ['undici'], async (stage, { Agent, request }) => {
  await stage.server.run(serveHttp);
  await stage.client.run(async () => {
    const dispatcher = new Agent({ headersTimeout: 5000, bodyTimeout: 7000, connect: { timeout: 3000 } });
    const get = async (path: string) => {
      const { statusCode, body } = await request(`http://server${path}`, { dispatcher });
      equal(statusCode, 200);
      return body.text();
    };
    deepEqual(JSON.parse(await get('/hello')), { answer: '/hello' });

    const slow = await stage.outcome(get('/slow'));
    equal(slow.error?.code, 'UND_ERR_HEADERS_TIMEOUT');
    near(slow.seconds, 5, 1);
    const drip = await stage.outcome(get('/drip'));
    equal(drip.error?.code, 'UND_ERR_BODY_TIMEOUT');
    near(drip.seconds, 7, 1);

    const mend = stage.drop(HTTP_PORT);
    const refused = await stage.outcome(get('/hello'));
    equal(refused.error?.code, 'UND_ERR_CONNECT_TIMEOUT');
    near(refused.seconds, 3, 1);
    mend();
    deepEqual(JSON.parse(await get('/again')), { answer: '/again' });
    await dispatcher.destroy();
  });
});
