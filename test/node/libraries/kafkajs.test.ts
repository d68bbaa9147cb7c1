/** kafkajs: a batch that is given up and arrives all the same, as often as it was tried; a consumer whose group has forgotten it. */
import { deepEqual, equal } from 'node:assert/strict';
import { KAFKA_PORT, serveKafka } from './kafka-server.ts';
import type { Library } from './libraries.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('kafkajs', ['kafkajs'], async (stage, { default: { Kafka, logLevel } }) => {
  await stage.server.run(() => serveKafka('server'));
  await stage.client.run(async () => {
    const kafka = new Kafka({
      brokers: [`server:${KAFKA_PORT}`], logLevel: logLevel.NOTHING, connectionTimeout: 2000, requestTimeout: 2000, retry: { retries: 2 },
    });
    const producer = kafka.producer();
    await producer.connect();
    const send = async (...values: string[]): Promise<string> => {
      const [answer] = await producer.send({ topic: 'tasks', messages: values.map((value) => ({ value })) });
      return answer.baseOffset;
    };
    equal(await send('one', 'two'), '0');

    const consumer = kafka.consumer({ groupId: 'workers', sessionTimeout: 6000, heartbeatInterval: 2000, maxWaitTimeInMs: 1000 });
    const joins: string[] = [];
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }: Library) => joins.push(payload.memberId));
    const got: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: 'tasks', fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }: Library) => void got.push(`${message.offset} ${message.value}`) });
    await stage.sleep(3);
    equal(await send('three'), '2');
    await stage.sleep(1);
    deepEqual(got, ['0 one', '1 two', '2 three']);
    deepEqual(joins, ['member-1']);

    // Three attempts of two seconds each, and what it sleeps between them. All three wait in one and the same connection: when the
    // cable is mended, TCP delivers what the program was told had failed.
    const mend = stage.drop(KAFKA_PORT);
    const lost = await stage.outcome(send('four'));
    equal(lost.error?.name, 'KafkaJSNumberOfRetriesExceeded');
    equal(lost.error?.cause.message, 'Request Produce(key: 0, version: 3) timed out');
    near(lost.seconds, 6.9, 0.4);
    equal(got.length, 3);
    mend();
    const at = stage.now;
    // The consumer hands on the first of them, hears that its group has forgotten it, joins it anew, and begins again behind what it
    // has committed.
    await stage.world.until(() => joins.length === 2 && got.length === 7, 30e6);
    near(stage.now - at, 1.6, 0.3);
    deepEqual(got.slice(3), ['3 four', '3 four', '4 four', '5 four']);
    equal(await send('five'), '6');
    await stage.sleep(1);
    deepEqual(got.slice(7), ['6 five']);
    deepEqual(joins, ['member-1', 'member-2']);
    await consumer.disconnect();
    await producer.disconnect();
  });
});
