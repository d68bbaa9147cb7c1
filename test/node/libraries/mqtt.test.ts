/** mqtt and aedes: keepalive by PINGREQ, connecting again, the broker's will when a client falls silent. */
import { equal } from 'node:assert/strict';
import net from 'node:net';
import { libraryTest, near, once } from './stage.ts';

const PORT = 1883;

libraryTest('mqtt with aedes', ['mqtt', 'aedes'], async (stage, { default: mqtt }, { Aedes }) => {
  const gone: number[] = [];
  await stage.server.run(async () => {
    const broker = await Aedes.createBroker();
    broker.on('clientDisconnect', () => gone.push(stage.now));
    net.createServer(broker.handle).listen(PORT);
  });
  await stage.client.run(async () => {
    const client = mqtt.connect(`mqtt://server:${PORT}`, { keepalive: 10, reconnectPeriod: 1000, connectTimeout: 4000 });
    const heard: string[] = [];
    client.on('error', (error: NodeJS.ErrnoException) => heard.push(error.message));
    for (const name of ['connect', 'close', 'offline', 'reconnect']) client.on(name, () => heard.push(name));
    await once(client, 'connect');
    await client.subscribeAsync('lamp', { qos: 1 });
    const first = new Promise((resolve) => client.once('message', (_: string, text: Buffer) => resolve(String(text))));
    await client.publishAsync('lamp', 'on', { qos: 1 });
    equal(await first, 'on');
    await stage.sleep(60);
    equal(heard.join(), 'connect');

    const mend = stage.drop(PORT);
    const begun = stage.now;
    const lost = await stage.outcome(once(client, 'close'));
    equal(heard.join(), 'connect,offline,Keepalive timeout,close');
    // A PINGREQ must be answered before the next one is due, 10 s on; the firewall came in between.
    near(lost.seconds, 5.1, 0.2);
    await stage.sleep(20);
    // Nobody answers a CONNECT for 4 s, and a second later it tries again.
    equal(heard.slice(4, 7).join(), 'reconnect,connack timeout,close');
    // The broker waits for one and a half of the client's intervals.
    equal(gone.length, 1);
    near((gone[0] as number) - begun, 5.1, 0.2);
    mend();
    // As soon as TCP sends its SYN again, or the library does.
    const back = await stage.outcome(once(client, 'connect'));
    near(back.seconds, 3, 3);
    const second = new Promise((resolve) => client.once('message', (_: string, text: Buffer) => resolve(String(text))));
    await client.publishAsync('lamp', 'off', { qos: 1 });
    equal(await second, 'off');
    await client.endAsync(true);
  });
});
