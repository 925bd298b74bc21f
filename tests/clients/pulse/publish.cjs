// Publishes messages with amqplib: publish.cjs URL EXCHANGE KEY FILE, where FILE is a JSON list of
// messages. Prints how many messages were published.
const fs = require('node:fs');
const amqp = require('amqplib');

async function main([url, exchange, key, file]) {
  const messages = JSON.parse(fs.readFileSync(file, 'utf8'));
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(exchange, 'topic', { durable: true });
  for (const message of messages) {
    const options = { persistent: true, mandatory: true, contentType: 'application/json' };
    channel.publish(exchange, key, Buffer.from(JSON.stringify(message)), options);
  }
  await channel.waitForConfirms();
  await connection.close();
  console.log(`${messages.length} published by amqplib`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
