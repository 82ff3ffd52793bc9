// The active cards that expire next, day after day: expired ones of years past are not walked.
CREATE INDEX payment_method_active_expiry IF NOT EXISTS FOR (n:PaymentMethod) ON (n.status, n.expires_on, n.id);
// What it was for, the index above does.
DROP INDEX payment_method_expiry IF EXISTS;
// Notices about cards that customers have not got yet: the sweep looks for them.
CREATE INDEX payment_method_notice_due IF NOT EXISTS FOR (n:PaymentMethod) ON (n.notice_due);
