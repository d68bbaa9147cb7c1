/** A small web server written with node:http: /hello answers at once, /slow after ten seconds, /drip with a body that stops halfway. */
import { createServer } from 'node:http';

export const HTTP_PORT = 80;
const SLOW_MS = 10_000;

/** The program: `server.run(serveHttp)`. */
export function serveHttp(): void {
  createServer((request, response) => {
    response.on('error', () => {});
    if (request.url === '/slow') setTimeout(() => response.end('late'), SLOW_MS);
    else if (request.url === '/drip') {
      response.setHeader('content-length', 10);
      response.write('half!');
    } else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ answer: request.url }));
    }
  }).listen(HTTP_PORT);
}
