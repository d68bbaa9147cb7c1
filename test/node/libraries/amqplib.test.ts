/** amqplib: a cut that TCP gets over, one that heartbeats tell of, its own reconnecting, and a message that nobody has acknowledged. */
import { deepEqual, equal } from 'node:assert/strict';
import { AMQP_PORT, serveAmqp } from './amqp-server.ts';
import type { Library } from './libraries.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('amqplib', ['amqplib'], async (stage, { default: amqp }) => {
  await stage.server.run(serveAmqp);
  await stage.client.run(async () => {
    const got: string[] = [];
    const events: string[] = [];
    async function setup(model: Library): Promise<void> {
      const channel = await model.createChannel();
      await channel.assertQueue('tasks');
      await channel.consume('tasks', (message: Library) => {
        got.push(`${message.content}${message.fields.redelivered ? ' again' : ''}`);
        // The first of them is never acknowledged.
        if (String(message.content) !== 'hard') channel.ack(message);
      });
    }
    const recovery = { initialDelay: 1000, factor: 2, jitter: 0, setup };
    const connection = await amqp.connect('amqp://server', { timeout: 3000, recovery });
    for (const name of ['error', 'connect-failed']) connection.on(name, ({ message }: Error) => events.push(message));
    for (const name of ['disconnect', 'connect']) connection.on(name, () => events.push(name));
    const channel = await connection.createConfirmChannel();
    const send = async (channel: Library, text: string): Promise<void> => {
      channel.sendToQueue('tasks', Buffer.from(text));
      await channel.waitForConfirms();
    };
    await send(channel, 'hard');
    await send(channel, 'x'.repeat(300_000));
    await stage.sleep(300);
    deepEqual([got[0], got[1]?.length, got.length], ['hard', 300_000, 2]);

    // For 20 s nothing gets through; the client's retransmission after 28 s does.
    let mend = stage.drop(AMQP_PORT);
    const late = stage.outcome(send(channel, 'late'));
    await stage.sleep(20);
    mend();
    near((await late).seconds, 28.4, 0.3);
    await stage.sleep(1);
    equal(got[2], 'late');
    deepEqual(events, []);

    // A client asks for a sign of life every 30 s, and takes the broker for dead when two in a row have had none.
    mend = stage.drop(AMQP_PORT);
    const lost = await stage.outcome(send(channel, 'lost'));
    equal(lost.error?.message, 'channel closed');
    near(lost.seconds, 60.4, 0.3);
    // It tries to connect after 1, 2 and 4 s, for 3 s each, and again after 8 s.
    await stage.sleep(20);
    deepEqual(events, ['Heartbeat timeout', 'disconnect', ...Array(3).fill('connect ETIMEDOUT')]);
    mend();
    await stage.world.until(() => events.at(-1) === 'connect', 10e6);
    await stage.sleep(60);
    equal(got[3], 'hard again');
    await send(await connection.createConfirmChannel(), 'after');
    await stage.sleep(1);
    deepEqual(got.slice(3), ['hard again', 'after']);

    // The broker loses its power for a second. The client's next sign of life is answered by a reset: the new broker knows nobody,
    // and its queue is empty.
    stage.server.crash();
    await stage.sleep(1);
    stage.server.restart();
    const at = stage.now;
    await stage.world.until(() => events.at(-1) === 'disconnect', 60e6);
    near(stage.now - at, 27.9);
    await stage.world.until(() => events.at(-1) === 'connect', 10e6);
    near(stage.now - at, 29.1);
    deepEqual(events.slice(-4), ['connect', 'read ECONNRESET', 'disconnect', 'connect']);
    await send(await connection.createConfirmChannel(), 'anew');
    await stage.sleep(1);
    deepEqual(got.slice(3), ['hard again', 'after', 'anew']);
    near((await stage.outcome(connection.close())).seconds, 0.02);
  });
});
