// The keys that processes work with, by their rings: one that lacks a key which others write with must not start.
CREATE CONSTRAINT ring_key_id IF NOT EXISTS FOR (n:RingKey) REQUIRE (n.ring, n.id) IS UNIQUE;
// What was written before there was a register.
MATCH (k:CustomerKey) WITH DISTINCT k.key_id AS id
MERGE (r:RingKey {ring: 'PERSONA_KEYS', id: id}) SET r.first_since = coalesce(r.first_since, datetime());
MATCH (k:DeviceKey) WITH DISTINCT k.key_id AS id
MERGE (r:RingKey {ring: 'PERSONA_KEYS', id: id}) SET r.first_since = coalesce(r.first_since, datetime());
MATCH (i:DigitalIdentifier) WITH DISTINCT split(i.value_hash, ':')[0] AS id
MERGE (r:RingKey {ring: 'PERSONA_BLIND_KEYS', id: id}) SET r.first_since = coalesce(r.first_since, datetime());
MATCH (d:Device) WITH DISTINCT split(d.fingerprint_hash, ':')[0] AS id
MERGE (r:RingKey {ring: 'PERSONA_BLIND_KEYS', id: id}) SET r.first_since = coalesce(r.first_since, datetime());
MATCH (p:PaymentMethod) WHERE p.token_hash IS NOT NULL WITH DISTINCT split(p.token_hash, ':')[0] AS id
MERGE (r:RingKey {ring: 'PERSONA_BLIND_KEYS', id: id}) SET r.first_since = coalesce(r.first_since, datetime());
