// How far the comparison with the gateway has come, by what is compared.
CREATE CONSTRAINT reconciliation_id IF NOT EXISTS FOR (n:Reconciliation) REQUIRE n.id IS UNIQUE;
// The methods that a person has to look at, one page after the other.
CREATE INDEX payment_method_mismatch IF NOT EXISTS FOR (n:PaymentMethod) ON (n.gateway_mismatch, n.id);
