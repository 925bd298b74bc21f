"""Publishes messages with a library that publishers use: publish.py LIBRARY URL EXCHANGE KEY FILE.

FILE is a JSON list of messages. LIBRARY is kombu, kombu-zlib, kombu-gzip, kombu-bzip2, mozillapulse or
pika. Prints how many messages were published.
"""

import json
import sys
from urllib.parse import urlsplit


def with_kombu(url, exchange, key, messages, compression=None):
    from kombu import Connection, Exchange

    with Connection(url) as connection:
        producer = connection.Producer(
            exchange=Exchange(exchange, type="topic", durable=True), serializer="json"
        )
        for message in messages:
            producer.publish(message, routing_key=key, compression=compression, delivery_mode=2)


def with_mozilla_pulse(url, exchange, key, messages):
    from mozillapulse.config import PulseConfiguration
    from mozillapulse.messages.base import GenericMessage
    from mozillapulse.publishers import GenericPublisher

    class JobMessage(GenericMessage):
        def __init__(self, job):
            super().__init__()
            self.routing_parts = key.split(".")
            for name, value in job.items():
                self.set_data(name, value)

    place = urlsplit(url)
    configuration = PulseConfiguration(
        user=place.username, password=place.password, host=place.hostname, port=place.port, ssl=False
    )
    publisher = GenericPublisher(configuration, exchange=exchange)
    for message in messages:
        publisher.publish(JobMessage(message))
    publisher.disconnect()


def with_pika(url, exchange, key, messages):
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(url + "/%2F"))
    channel = connection.channel()
    channel.exchange_declare(exchange, exchange_type="topic", durable=True)
    channel.confirm_delivery()
    for message in messages:
        # No content type: what the body is, is for the reader to find out.
        channel.basic_publish(exchange, key, json.dumps(message).encode(), mandatory=True)
    connection.close()


def main():
    library, url, exchange, key, file = sys.argv[1:]
    with open(file, encoding="utf-8") as opened:
        messages = json.load(opened)
    name, _, compression = library.partition("-")
    if name == "kombu":
        with_kombu(url, exchange, key, messages, compression or None)
    elif name == "mozillapulse":
        with_mozilla_pulse(url, exchange, key, messages)
    else:
        with_pika(url, exchange, key, messages)
    print(f"{len(messages)} published by {library}")


main()
