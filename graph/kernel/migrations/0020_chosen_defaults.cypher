// When a customer's default was set last, and when and by whom one was chosen last.
MATCH (c:Customer)
WHERE c.default_set_at IS NULL
  AND EXISTS { MATCH (e:PersonaEvent {stream_id: c.id}) WHERE e.seq > 0 AND e.type = 'DefaultPaymentMethodChanged' }
CALL (c) {
  SET c.locked = true
  REMOVE c.locked
  WITH c
  MATCH (e:PersonaEvent {stream_id: c.id})
  WHERE e.seq > 0 AND e.type = 'DefaultPaymentMethodChanged'
  WITH c, e, split(e.data, '"reason":"chosen by ')[1] AS chosen ORDER BY e.seq
  WITH c, collect(e.recorded_at) AS times,
    collect(CASE WHEN chosen IS NOT NULL THEN {at: e.recorded_at, by: split(chosen, '"')[0]} END) AS choices
  SET c.default_set_at = times[-1], c.default_chosen_at = choices[-1].at, c.default_chosen_by = choices[-1].by
} IN TRANSACTIONS OF 100 ROWS;
