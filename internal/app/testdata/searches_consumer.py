"""Counts searches as consumers that others wrote for the topic do: the key split at
":", the value loaded as it is, no header read. python_test.go runs it.

    searches_consumer.py BROKERS TOPIC SEARCHES...

Each time it has seen so many searches in all, it prints on one line what it knows of
each query: how often it was searched, by whom, and the books of the search that came
last.
"""

import json
import sys
import uuid

from confluent_kafka import Consumer, KafkaException

brokers, topic, *marks = sys.argv[1:]
consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": f"{topic}-python-{uuid.uuid4()}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
consumer.subscribe([topic])

searches, readers, latest, fields = {}, {}, {}, set()
seen = 0
for mark in map(int, marks):
    while seen < mark:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        query, *reader = message.key().decode("utf-8").split(":")
        books = json.loads(message.value())
        searches[query] = searches.get(query, 0) + 1
        readers.setdefault(query, set()).add(reader[0] if reader else "")
        latest[query] = books
        fields.update(tuple(book) for book in books)
        seen += 1
    known = {
        "searches": searches,
        "readers": {query: sorted(by) for query, by in readers.items()},
        "latest": latest,
        "fields": sorted(fields),
    }
    print(json.dumps(known), flush=True)
consumer.close()
