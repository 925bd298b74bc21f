"""Publishes messages with envelopes that a broker takes and few clients read: odd.py URL EXCHANGE KEY FILE.

FILE is a JSON list of as many messages as there are oddities, and a last one that is published as usual.
Prints how many messages were published.
"""

import json
import sys

import pika
from pika import BasicProperties

# The deepest that fits into the 128 KiB of a frame of headers, at five bytes a level.
LEVELS = 25_000
NOT_UTF_8 = b"\xff" * 200


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def oddities(key):
    """Routing keys and properties."""
    yield key.encode() + b"." + NOT_UTF_8, BasicProperties()
    yield key, BasicProperties(headers={b"\xff": 1, b"\xfe": 2})
    yield key, BasicProperties(content_type=b"text/\xff", message_id=NOT_UTF_8)
    yield key, BasicProperties(headers={"deep": nested(LEVELS)})
    yield key, BasicProperties()


def main():
    url, exchange, key, file = sys.argv[1:]
    sys.setrecursionlimit(10 * LEVELS)
    with open(file, encoding="utf-8") as opened:
        messages = json.load(opened)
    connection = pika.BlockingConnection(pika.URLParameters(url + "/%2F"))
    channel = connection.channel()
    channel.exchange_declare(exchange, exchange_type="topic", durable=True)
    channel.confirm_delivery()
    for message, (routing_key, properties) in zip(messages, oddities(key), strict=True):
        channel.basic_publish(exchange, routing_key, json.dumps(message).encode(), properties, mandatory=True)
    connection.close()
    print(f"{len(messages)} published")


main()
