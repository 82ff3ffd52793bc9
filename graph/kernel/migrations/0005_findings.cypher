// Which customers used what, where (findCustomersByUsage): one page after the other in the order of ids.
CREATE INDEX address_state IF NOT EXISTS FOR (n:Address) ON (n.state, n.id);
CREATE INDEX payment_method_brand IF NOT EXISTS FOR (n:PaymentMethod) ON (n.brand, n.id);
// The cards that expire next, one page after the other.
CREATE INDEX payment_method_expiry IF NOT EXISTS FOR (n:PaymentMethod) ON (n.expires_on, n.id);
// Who lives at the same address.
CREATE INDEX address_hash IF NOT EXISTS FOR (n:Address) ON (n.address_hash);
// The fraud cases of one customer.
CREATE INDEX fraud_case_customer IF NOT EXISTS FOR (n:FraudCase) ON (n.customer_id);
