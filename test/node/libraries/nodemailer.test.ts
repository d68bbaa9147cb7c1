/** nodemailer and smtp-server: a message delivered, the client's timeouts, the server's idle timeout. */
import { equal, ok } from 'node:assert/strict';
import { libraryTest, near } from './stage.ts';

const PORT = 25;

libraryTest('nodemailer with smtp-server', ['nodemailer', 'smtp-server'], async (stage, { default: nodemailer }, { SMTPServer }) => {
  const received: string[] = [];
  await stage.server.run(() => {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream: NodeJS.ReadableStream, _session: unknown, done: () => void) {
        let text = '';
        stream.on('data', (part) => {
          text += part;
        });
        stream.on('end', () => {
          received.push(text);
          done();
        });
      },
    });
    server.on('error', () => {});
    server.listen(PORT);
  });
  await stage.client.run(async () => {
    const transport = nodemailer.createTransport({ host: 'server', port: PORT, connectionTimeout: 3000, greetingTimeout: 4000, socketTimeout: 5000 });
    const letter = { from: 'a@client', to: 'b@server', subject: 'cables', text: 'all are plugged in' };
    const sent = await transport.sendMail(letter);
    equal(sent.response.startsWith('250'), true);
    ok(received[0]?.includes('all are plugged in'));

    const mend = stage.drop(PORT);
    const lost = await stage.outcome(transport.sendMail(letter));
    equal(lost.error?.code, 'ETIMEDOUT');
    near(lost.seconds, 3);
    mend();
    await transport.sendMail({ ...letter, text: 'mended' });
    equal(received.length, 2);
    // The date of a letter is the world's.
    ok(new RegExp(`^Date: .*${new Date().getUTCFullYear()}`, 'm').test(received[1] as string));
  });
});
