/**
 * A shop's web server, as anybody writes one with node:http: it takes orders and has room for so many connections. What the
 * slow-loris demo runs, unchanged, with one choice of limits after the other.
 */
import { createServer, type ServerOptions } from 'node:http';

export const SHOP_PORT = 80;

/** The program: `shop.run(() => openShop(limits, connections))`. */
export function openShop(limits: ServerOptions, mostConnections: number): void {
  const server = createServer(limits, (request, response) => {
    request.resume();
    request.on('end', () => response.end('thank you'));
  });
  server.maxConnections = mostConnections;
  server.listen(SHOP_PORT);
}
