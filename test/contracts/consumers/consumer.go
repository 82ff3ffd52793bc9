// Reads every topic of Persona to its end, and prints what it has read as JSON.
//
// Written only from what Persona publishes: events/schemas/*.avsc and docs/reference/interfaces.md, 'Events'.
// It checks all that is said there, and lists in "problems" what it finds otherwise.
//
//	go get github.com/twmb/franz-go/pkg/kgo github.com/twmb/franz-go/pkg/kadm github.com/hamba/avro/v2
//	KAFKA_BROKERS=127.0.0.1:9092 go run consumer.go events/schemas
package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	contextTopic = "persona.customer-context.v1"
	logTopic     = "persona.log.v1"
	limit        = 60 * time.Second
	rfc3339Milli = "2006-01-02T15:04:05.000Z"
)

// Of each topic the field that is the record's key.
var keyFields = map[string]string{
	logTopic:                                   "stream_id",
	contextTopic:                               "customer_id",
	"persona.customer-profile-updated.v1":      "customer_id",
	"persona.customer-erased.v1":               "customer_id",
	"persona.device-trust-score-updated.v1":    "device_id",
	"persona.notice.v1":                        "customer_id",
	"persona.payment-method-added.v1":          "customer_id",
	"persona.payment-method-changed.v1":        "customer_id",
	"persona.payment-method-status-changed.v1": "customer_id",
	"persona.recovery.v1":                      "customer_id",
}

var (
	marker      = []byte{0xc3, 0x01}
	traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`)
)

// A topic's values: persona.notice.v1 has notice.avsc.
type topic struct {
	name        string
	schema      avro.Schema
	fingerprint []byte // in the order of the bytes in a record
}

type record struct {
	Topic   string            `json:"topic"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   map[string]any    `json:"value"`
}

type result struct {
	Fingerprints map[string]string `json:"fingerprints"`
	Records      []record          `json:"records"`
	Repetitions  int               `json:"repetitions"`
	Problems     []string          `json:"problems"`
}

func readTopic(name, schemas string) (topic, error) {
	text, err := os.ReadFile(filepath.Join(schemas, strings.Split(name, ".")[1]+".avsc"))
	if err != nil {
		return topic{}, err
	}
	schema, err := parse(text)
	if err != nil {
		return topic{}, err
	}
	// Avro's fingerprint is that of a form without logical types, which this library leaves in.
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return topic{}, err
	}
	removeLogicalTypes(plain)
	if text, err = json.Marshal(plain); err != nil {
		return topic{}, err
	}
	canonical, err := parse(text)
	if err != nil {
		return topic{}, err
	}
	fingerprint, err := canonical.FingerprintUsing(avro.CRC64AvroLE)
	return topic{name, schema, fingerprint}, err
}

// Both forms of a schema have one name, so each is parsed by itself.
func parse(text []byte) (avro.Schema, error) {
	return avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
}

func removeLogicalTypes(schema any) {
	switch part := schema.(type) {
	case map[string]any:
		delete(part, "logicalType")
		for _, inner := range part {
			removeLogicalTypes(inner)
		}
	case []any:
		for _, inner := range part {
			removeLogicalTypes(inner)
		}
	}
}

// readAll passes on every committed record of every partition, up to the partition's end.
func readAll(ctx context.Context, brokers string, topics []string, read func(*kgo.Record)) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// A partition ends with the record that commits a transaction.
		kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	open := map[string]int64{}
	place := func(topic string, partition int32) string { return fmt.Sprintf("%s %d", topic, partition) }
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(end.Topic, end.Partition)
		if end.Offset > start.Offset {
			open[place(end.Topic, end.Partition)] = end.Offset
		}
	})
	if err := ends.Error(); err != nil {
		return err
	}
	for len(open) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%w; still open: %v", err, open)
		}
		fetches.EachRecord(func(fetched *kgo.Record) {
			if !fetched.Attrs.IsControl() {
				read(fetched)
			}
			at := place(fetched.Topic, fetched.Partition)
			if end, isOpen := open[at]; isOpen && fetched.Offset+1 >= end {
				delete(open, at)
			}
		})
	}
	return nil
}

// A reader decodes records, drops those that it has seen, and remembers what contradicts the contract.
type reader struct {
	topics     map[string]topic
	seen       map[string]bool
	newest     map[string]int64
	partitions map[string]int32
	result     *result
}

func (r *reader) read(fetched *kgo.Record) {
	report := func(format string, args ...any) {
		place := fmt.Sprintf("%s %d@%d: ", fetched.Topic, fetched.Partition, fetched.Offset)
		r.result.Problems = append(r.result.Problems, place+fmt.Sprintf(format, args...))
	}
	topic, raw := r.topics[fetched.Topic], fetched.Value
	if raw == nil && fetched.Topic == contextTopic {
		// A tombstone: the customer is erased, or hidden.
		return
	}
	if len(raw) < 10 || !bytes.Equal(raw[:2], marker) {
		report("the value is not in single-object encoding")
		return
	}
	if !bytes.Equal(raw[2:10], topic.fingerprint) {
		report("written with the schema %x, not with %x", raw[2:10], topic.fingerprint)
		return
	}
	value := map[string]any{}
	if err := avro.Unmarshal(topic.schema, raw[10:], &value); err != nil {
		report("%v", err)
		return
	}
	key, headers := string(fetched.Key), map[string]string{}
	for _, header := range fetched.Headers {
		headers[header.Key] = string(header.Value)
	}
	checkKeyAndHeaders(topic.name, key, headers, value, report)
	if partition, known := r.partitions[key]; known && partition != fetched.Partition {
		report("the key %s is in another partition of another topic", key)
	}
	r.partitions[key] = fetched.Partition
	if r.isRepetition(topic.name, key, value) {
		r.result.Repetitions++
		return
	}
	r.checkOrder(topic.name, key, value, report)
	for name, field := range value {
		if at, isTime := field.(time.Time); isTime {
			value[name] = at.UTC().Format(rfc3339Milli)
		}
	}
	r.result.Records = append(r.result.Records, record{topic.name, key, headers, value})
}

func checkKeyAndHeaders(
	topic, key string, headers map[string]string, value map[string]any, report func(string, ...any),
) {
	if value[keyFields[topic]] != key {
		report("the key %s is not the %s", key, keyFields[topic])
	}
	expected := map[string]any{
		"ce_specversion": "1.0",
		"ce_source":      "/persona",
		"ce_id":          value["event_id"],
		"ce_subject":     key,
		"content-type":   "application/avro",
	}
	at := value["occurred_at"]
	switch topic {
	case contextTopic:
		at = value["as_of"]
		expected["ce_id"] = fmt.Sprintf("%s:%d", key, value["version"])
	case logTopic:
		expected["ce_type"] = fmt.Sprintf("persona.v1.%s", value["type"])
	}
	for name, text := range expected {
		if headers[name] != text {
			report("%s is %s, not %v", name, headers[name], text)
		}
	}
	if !strings.HasPrefix(headers["ce_type"], "persona.v1.") {
		report("ce_type is %s", headers["ce_type"])
	}
	told, err := time.Parse(time.RFC3339, headers["ce_time"])
	if occurred, isTime := at.(time.Time); err != nil || !isTime || !told.Equal(occurred) {
		report("ce_time is %s, not %v", headers["ce_time"], at)
	}
	if !traceparent.MatchString(headers["traceparent"]) {
		report("traceparent is %s", headers["traceparent"])
	}
}

func (r *reader) isRepetition(topic, key string, value map[string]any) bool {
	if topic == contextTopic {
		return value["version"].(int64) <= r.newest[topic+" "+key]
	}
	id := topic + " " + value["event_id"].(string)
	defer func() { r.seen[id] = true }()
	return r.seen[id]
}

func (r *reader) checkOrder(topic, key string, value map[string]any, report func(string, ...any)) {
	field := "seq"
	if topic == contextTopic {
		field = "version"
	}
	number, before := value[field].(int64), r.newest[topic+" "+key]
	r.newest[topic+" "+key] = number
	if number <= before {
		report("%d of %s comes after %d", number, key, before)
	}
	if topic == logTopic && number != before+1 {
		report("%d of %s follows %d", number, key, before)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r := &reader{
		topics:     map[string]topic{},
		seen:       map[string]bool{},
		newest:     map[string]int64{},
		partitions: map[string]int32{},
		result:     &result{Fingerprints: map[string]string{}, Records: []record{}, Problems: []string{}},
	}
	names := []string{}
	for name := range keyFields {
		found, err := readTopic(name, os.Args[1])
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		names = append(names, name)
		r.topics[found.name] = found
		r.result.Fingerprints[found.name] = hex.EncodeToString(found.fingerprint)
	}
	if err := readAll(ctx, os.Getenv("KAFKA_BROKERS"), names, r.read); err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r.result); err != nil {
		log.Fatal(err)
	}
}
