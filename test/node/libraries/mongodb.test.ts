/** mongodb: a lost query, the monitor that gives its server up and finds it again, and a server that loses its power. */
import { deepEqual, equal } from 'node:assert/strict';
import { MONGO_PORT, serveMongo } from './mongo-server.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('mongodb', ['mongodb'], async (stage, { MongoClient }) => {
  await stage.server.run(serveMongo);
  await stage.client.run(async () => {
    const client = new MongoClient('mongodb://server/', { connectTimeoutMS: 2000, socketTimeoutMS: 4000, serverSelectionTimeoutMS: 6000 });
    const kinds: string[] = [];
    client.on('serverDescriptionChanged', ({ newDescription: { type } }: { newDescription: { type: string } }) => {
      if (type !== kinds.at(-1)) kinds.push(type);
    });
    const colours = client.db('shop').collection('colours');
    const { insertedId } = await colours.insertOne({ name: 'green', hue: 120, tags: ['cold', { of: 'grass' }] });
    const green = { _id: insertedId, name: 'green', hue: 120, tags: ['cold', { of: 'grass' }] };
    deepEqual(await colours.findOne({ name: 'green' }), green);
    equal(await colours.findOne({ name: 'blue' }), null);

    // Four seconds for the answer, and two attempts more, of two seconds each, to connect anew.
    const mend = stage.drop(MONGO_PORT);
    const lost = await stage.outcome(colours.findOne({ name: 'green' }));
    equal(lost.error?.name, 'MongoNetworkTimeoutError');
    near(lost.seconds, 8, 0.4);
    // By now the monitor has given the server up: there is none to be asked.
    await stage.world.until(() => kinds.at(-1) === 'Unknown', 10e6);
    const unserved = await stage.outcome(colours.findOne({ name: 'green' }));
    equal(unserved.error?.name, 'MongoServerSelectionError');
    near(unserved.seconds, 6);
    mend();
    // It looks every half a second, for two, as long as somebody waits.
    const found = await stage.outcome(colours.findOne({ name: 'green' }));
    deepEqual(found.value, green);
    near(found.seconds, 0, 2.6);

    // The server is without power for two seconds. Its new life resets the connection when the next retransmission comes, after
    // 3.5 s; the driver looks for the server for half a second and asks once more: the collection is empty now.
    stage.server.crash();
    const waits = stage.outcome(colours.findOne({ name: 'green' }));
    await stage.sleep(2);
    stage.server.restart();
    const empty = await waits;
    deepEqual([empty.error, empty.value], [null, null]);
    near(empty.seconds, 4.17);
    await colours.insertOne({ name: 'green' });
    equal((await colours.findOne({ name: 'green' })).name, 'green');
    deepEqual(kinds, ['Standalone', 'Unknown', 'Standalone', 'Unknown', 'Standalone']);
    await client.close();
  });
});
