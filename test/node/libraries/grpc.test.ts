/** @grpc/grpc-js, both sides: a call's deadline, keepalive by HTTP/2 PING, and connecting again. */
import { equal } from 'node:assert/strict';
import { libraryTest, near } from './stage.ts';

const PORT = 50051;

libraryTest('@grpc/grpc-js', ['@grpc/grpc-js'], async (stage, { default: grpc }) => {
  const text = { requestSerialize: Buffer.from, requestDeserialize: String, responseSerialize: Buffer.from, responseDeserialize: String };
  const Greeter = { hello: { path: '/Greeter/hello', requestStream: false, responseStream: false, ...text } };
  await stage.server.run(() => new Promise<void>((resolve, reject) => {
    const server = new grpc.Server();
    server.addService(Greeter, { hello: (call: { request: string }, done: (error: null, answer: string) => void) => done(null, `hello ${call.request}`) });
    server.bindAsync(`0.0.0.0:${PORT}`, grpc.ServerCredentials.createInsecure(), (error: Error | null) => (error === null ? resolve() : reject(error)));
  }));
  await stage.client.run(async () => {
    const Client = grpc.makeGenericClientConstructor(Greeter, 'Greeter');
    const client = new Client(`server:${PORT}`, grpc.credentials.createInsecure(), { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5000 });
    const hello = (name: string, seconds: number) => new Promise((resolve, reject) => {
      client.hello(name, { deadline: Date.now() + seconds * 1000 }, (error: Error | null, answer: string) => (error === null ? resolve(answer) : reject(error)));
    });
    equal(await hello('world', 5), 'hello world');
    const connected = stage.now;

    const mend = stage.drop(PORT);
    const late = await stage.outcome(hello('late', 3));
    equal(Number(late.error?.code), grpc.status.DEADLINE_EXCEEDED);
    near(late.seconds, 3);
    // Nobody answers PING: what is still open is over before its deadline.
    const lost = await stage.outcome(hello('lost', 60));
    equal(Number(lost.error?.code), grpc.status.UNAVAILABLE);
    // PING is sent 10 s after the connection was there, and its answer is waited for 5 s: neither has any jitter.
    near(stage.now - connected, 15);
    mend();
    equal(await hello('again', 60), 'hello again');
    client.close();
  });
});
