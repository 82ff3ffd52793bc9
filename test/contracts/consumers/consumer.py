"""Reads every topic of Persona to its end, and prints what it has read as JSON.

Written only from what Persona publishes: events/schemas/*.avsc and docs/reference/interfaces.md, 'Events'.
It checks all that is said there, and lists in "problems" what it finds otherwise.

    KAFKA_BROKERS=127.0.0.1:9092 python3 consumer.py events/schemas    # pip install confluent-kafka fastavro

Where Persona has a schema registry, set SCHEMA_REGISTRY_URL, too: values are then in Confluent's wire format.
"""

import io
import json
import os
import re
import struct
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from urllib.request import urlopen

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import fingerprint, to_parsing_canonical_form

MARKER = b"\xc3\x01"
# Of Confluent's wire format: a zero byte, and the schema's id at the registry.
REGISTERED = struct.Struct(">bi")
CONTEXT = "persona.customer-context.v1"
LOG = "persona.log.v1"
# Of each topic the field that is the record's key.
KEY_FIELDS = {
    LOG: "stream_id",
    CONTEXT: "customer_id",
    "persona.customer-profile-updated.v1": "customer_id",
    "persona.device-trust-score-updated.v1": "device_id",
    "persona.customer-erased.v1": "customer_id",
    "persona.notice.v1": "customer_id",
    "persona.payment-method-added.v1": "customer_id",
    "persona.payment-method-changed.v1": "customer_id",
    "persona.payment-method-status-changed.v1": "customer_id",
    "persona.recovery.v1": "customer_id",
}
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00")
LIMIT_S = 60


class Topic:
    """The schema of a topic's values: persona.notice.v1 has notice.avsc."""

    def __init__(self, name: str, schemas: Path) -> None:
        schema = json.loads((schemas / f"{name.split('.')[1]}.avsc").read_text())
        self.name = name
        # Of the form without documentation, defaults and logical types; in the order of the bytes in a record.
        self.fingerprint = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
        self._schema = parse_schema(schema)

    def decode(self, value: bytes) -> dict:
        return schemaless_reader(io.BytesIO(value), self._schema)

    def decode_registered(self, schema_id: int, value: bytes) -> dict:
        return schemaless_reader(io.BytesIO(value), registered_schema(schema_id), self._schema)


@cache
def registered_schema(schema_id: int) -> dict:
    with urlopen(f"{os.environ['SCHEMA_REGISTRY_URL']}/schemas/ids/{schema_id}") as response:
        return parse_schema(json.loads(json.load(response)["schema"]))


def read_all(brokers: str, topics: list[str]) -> Iterator[Message]:
    """Every committed record of every partition, up to the partition's end."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            # Required, and not used: no offset is committed.
            "group.id": "reads-all",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    metadata = consumer.list_topics(timeout=LIMIT_S).topics
    open_partitions = {(topic, partition) for topic in topics for partition in metadata[topic].partitions}
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in open_partitions])
    while open_partitions:
        message = consumer.poll(LIMIT_S)
        if message is None:
            raise TimeoutError(f"no answer about {sorted(open_partitions)}")
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            open_partitions.discard((message.topic(), message.partition()))
        else:
            raise KafkaException(error)
    consumer.close()


class Reader:
    """Decodes records, drops those that it has seen, and remembers what contradicts the contract."""

    def __init__(self, topics: list[Topic]) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._seen: set[tuple[str, str]] = set()
        self._newest: dict[tuple[str, str], int] = {}
        self._partitions: dict[str, int] = {}
        self.records: list[dict] = []
        self.repetitions = 0
        self.registered = 0
        self.problems: list[str] = []

    def read(self, message: Message) -> None:
        place = f"{message.topic()} {message.partition()}@{message.offset()}"
        for problem in self._read(message):
            self.problems.append(f"{place}: {problem}")

    def _read(self, message: Message) -> Iterator[str]:
        topic, raw, key = self._topics[message.topic()], message.value(), message.key().decode()
        if raw is None:
            # A tombstone: the customer is erased, or hidden.
            if topic.name != CONTEXT:
                yield "only contexts have tombstones"
            return
        if raw[:1] == b"\0" and "SCHEMA_REGISTRY_URL" in os.environ:
            _, schema_id = REGISTERED.unpack_from(raw)
            value = topic.decode_registered(schema_id, raw[REGISTERED.size :])
            self.registered += 1
        elif raw[:2] != MARKER:
            yield "the value is not in single-object encoding"
            return
        elif raw[2:10].hex() != topic.fingerprint:
            yield f"written with the schema {raw[2:10].hex()}, not with {topic.fingerprint}"
            return
        else:
            value = topic.decode(raw[10:])
        headers = {name: text.decode() for name, text in message.headers()}
        yield from self._check_key_and_headers(topic.name, key, headers, value)
        if self._partitions.setdefault(key, message.partition()) != message.partition():
            yield f"the key {key} is in another partition of another topic"
        if self._is_repetition(topic.name, key, value):
            self.repetitions += 1
            return
        yield from self._check_order(topic.name, key, value)
        self.records.append({"topic": topic.name, "key": key, "headers": headers, "value": value})

    def _check_key_and_headers(self, topic: str, key: str, headers: dict[str, str], value: dict) -> Iterator[str]:
        key_field = KEY_FIELDS[topic]
        if value[key_field] != key:
            yield f"the key {key} is not the {key_field}"
        is_context = topic == CONTEXT
        expected = {
            "ce_specversion": "1.0",
            "ce_source": "/persona",
            "ce_id": f"{key}:{value['version']}" if is_context else value["event_id"],
            "ce_subject": key,
            "content-type": "application/avro",
        }
        if topic == LOG:
            expected["ce_type"] = f"persona.v1.{value['type']}"
        for name, text in expected.items():
            if headers.get(name) != text:
                yield f"{name} is {headers.get(name)}, not {text}"
        if not headers.get("ce_type", "").startswith("persona.v1."):
            yield f"ce_type is {headers.get('ce_type')}"
        time = value["as_of"] if is_context else value["occurred_at"]
        if datetime.fromisoformat(headers["ce_time"]) != time:
            yield f"ce_time is {headers['ce_time']}, not {time}"
        if not TRACEPARENT.fullmatch(headers.get("traceparent", "")):
            yield f"traceparent is {headers.get('traceparent')}"

    def _is_repetition(self, topic: str, key: str, value: dict) -> bool:
        if topic == CONTEXT:
            return value["version"] <= self._newest.get((topic, key), 0)
        if (topic, value["event_id"]) in self._seen:
            return True
        self._seen.add((topic, value["event_id"]))
        return False

    def _check_order(self, topic: str, key: str, value: dict) -> Iterator[str]:
        number = value["version"] if topic == CONTEXT else value["seq"]
        before = self._newest.get((topic, key), 0)
        self._newest[(topic, key)] = number
        if number <= before:
            yield f"{number} of {key} comes after {before}"
        if topic == LOG and number != before + 1:
            yield f"{number} of {key} follows {before}"


def as_json(value: object) -> str:
    """A time, in RFC 3339."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value)} has no form in JSON")


def main() -> None:
    topics = [Topic(name, Path(sys.argv[1])) for name in KEY_FIELDS]
    reader = Reader(topics)
    for message in read_all(os.environ["KAFKA_BROKERS"], [topic.name for topic in topics]):
        reader.read(message)
    result = {
        "fingerprints": {topic.name: topic.fingerprint for topic in topics},
        "records": reader.records,
        "repetitions": reader.repetitions,
        "registered": reader.registered,
        "problems": reader.problems,
    }
    json.dump(result, sys.stdout, default=as_json)


if __name__ == "__main__":
    main()
