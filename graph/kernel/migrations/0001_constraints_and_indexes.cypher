// Every key that a MERGE or a look-up by identity uses is unique.
CREATE CONSTRAINT customer_id IF NOT EXISTS FOR (n:Customer) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT payment_method_id IF NOT EXISTS FOR (n:PaymentMethod) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT payment_method_token IF NOT EXISTS FOR (n:PaymentMethod) REQUIRE n.token_hash IS UNIQUE;
CREATE CONSTRAINT device_id IF NOT EXISTS FOR (n:Device) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT device_fingerprint IF NOT EXISTS FOR (n:Device) REQUIRE n.fingerprint_hash IS UNIQUE;
CREATE CONSTRAINT address_id IF NOT EXISTS FOR (n:Address) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT digital_identifier_id IF NOT EXISTS FOR (n:DigitalIdentifier) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT digital_identifier_value IF NOT EXISTS FOR (n:DigitalIdentifier) REQUIRE (n.type, n.value_hash) IS UNIQUE;
CREATE CONSTRAINT behavioral_profile_id IF NOT EXISTS FOR (n:BehavioralProfile) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT obligation_payment IF NOT EXISTS FOR (n:Obligation) REQUIRE n.payment_id IS UNIQUE;
CREATE CONSTRAINT charge_attempt_key IF NOT EXISTS FOR (n:ChargeAttempt) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT fraud_case_id IF NOT EXISTS FOR (n:FraudCase) REQUIRE n.case_id IS UNIQUE;
CREATE CONSTRAINT command_receipt_key IF NOT EXISTS FOR (n:CommandReceipt) REQUIRE (n.caller, n.key) IS UNIQUE;
CREATE CONSTRAINT customer_key_owner IF NOT EXISTS FOR (n:CustomerKey) REQUIRE n.customer_id IS UNIQUE;
CREATE CONSTRAINT device_key_owner IF NOT EXISTS FOR (n:DeviceKey) REQUIRE n.device_id IS UNIQUE;
CREATE CONSTRAINT persona_event_id IF NOT EXISTS FOR (n:PersonaEvent) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT persona_event_position IF NOT EXISTS FOR (n:PersonaEvent) REQUIRE (n.stream_id, n.seq) IS UNIQUE;
CREATE CONSTRAINT identity_lock_hash IF NOT EXISTS FOR (n:IdentityLock) REQUIRE n.hash IS UNIQUE;

CREATE INDEX payment_method_status IF NOT EXISTS FOR (n:PaymentMethod) ON (n.status);
CREATE INDEX payment_method_expires_on IF NOT EXISTS FOR (n:PaymentMethod) ON (n.expires_on);
CREATE INDEX payment_method_instrument IF NOT EXISTS FOR (n:PaymentMethod) ON (n.instrument_fingerprint);
CREATE INDEX device_trust_score IF NOT EXISTS FOR (n:Device) ON (n.trust_score);
CREATE INDEX obligation_state IF NOT EXISTS FOR (n:Obligation) ON (n.state);
CREATE INDEX charge_attempt_instrument IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.instrument_fingerprint, n.claimed_at);
CREATE INDEX address_region IF NOT EXISTS FOR (n:Address) ON (n.country, n.state);
CREATE INDEX default_payment_method IF NOT EXISTS FOR ()-[r:HAS_PAYMENT_METHOD]-() ON (r.is_default);
// The newest proven devices of one customer, without walking all of them.
CREATE INDEX recent_login IF NOT EXISTS FOR ()-[r:LOGGED_IN_FROM]-() ON (r.customer_id, r.proven, r.last_login);
