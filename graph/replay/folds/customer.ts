import { nodeRef } from '../model.ts';
import { type Folds, utcTime } from './fold.ts';

type CustomerEventType =
  | 'CustomerCreated'
  | 'CustomerProfileUpdated'
  | 'CustomerStatusChanged'
  | 'LtvAdjusted'
  | 'DeviceLinked'
  | 'LoginRecorded'
  | 'BehavioralProfileLinked'
  | 'IdentityMatchSuggested'
  | 'IdentityMatchResolved';

export const customerFolds: Folds<CustomerEventType> = {
  CustomerCreated(model, { stream_id, seq, recorded_at, data }, { key }) {
    const reference = data.gateway_customer_ref;
    model.createNode(nodeRef('Customer', stream_id), {
      id: stream_id,
      ltv_minor: data.ltv_minor,
      acquisition_date: utcTime(data.acquisition_date),
      segment: data.segment,
      status: 'active',
      gateway_customer_ref: reference && key.open(reference, 'Customer', stream_id, 'gateway_customer_ref'),
      locale: data.locale,
      changed_seq: seq,
      status_seq: seq,
      created_at: utcTime(recorded_at),
      updated_at: utcTime(recorded_at),
    });
  },

  CustomerProfileUpdated(model, { stream_id, seq, recorded_at, data }, { key }) {
    const customer = model.node(nodeRef('Customer', stream_id));
    if (!customer) return;
    const { gateway_customer_ref: reference, ...open } = data;
    Object.assign(customer, open, { changed_seq: seq, updated_at: utcTime(recorded_at) });
    if (reference !== undefined)
      customer.gateway_customer_ref = key.open(reference, 'Customer', stream_id, 'gateway_customer_ref');
  },

  CustomerStatusChanged(model, { stream_id, seq, recorded_at, data }) {
    const customer = model.node(nodeRef('Customer', stream_id));
    if (customer)
      Object.assign(customer, {
        status: data.new_status,
        status_seq: seq,
        changed_seq: seq,
        updated_at: utcTime(recorded_at),
      });
  },

  LtvAdjusted(model, { stream_id, recorded_at, data }) {
    const customer = model.node(nodeRef('Customer', stream_id));
    if (!customer) return;
    Object.assign(customer, { ltv_minor: data.new_ltv_minor, updated_at: utcTime(recorded_at) });
    if (data.observed_at !== undefined) customer.ltv_observed_at = utcTime(data.observed_at);
  },

  DeviceLinked(model, { stream_id, occurred_at, data }) {
    model.createEdge(nodeRef('Customer', stream_id), 'LOGGED_IN_FROM', nodeRef('Device', data.device_id), {
      customer_id: stream_id,
      login_count: 1,
      first_login: utcTime(occurred_at),
      last_login: utcTime(occurred_at),
      proven: data.proven,
      awaits_identifier_id: data.awaits_identifier_id,
    });
  },

  LoginRecorded(model, { stream_id, data }) {
    const device = nodeRef('Device', data.device_id);
    const login = model.edge(nodeRef('Customer', stream_id), 'LOGGED_IN_FROM', device);
    if (!login) return;
    login.login_count = data.login_count;
    login.last_login = utcTime(data.last_login);
    login.proven = data.proven;
    if (data.proven) login.awaits_identifier_id = null;
  },

  BehavioralProfileLinked(model, { stream_id, seq, occurred_at, data }) {
    const customer = nodeRef('Customer', stream_id);
    const profile = nodeRef('BehavioralProfile', data.profile_id);
    const node = model.node(customer);
    if (node) node.changed_seq = seq;
    if (!model.nodes.has(profile)) {
      model.createNode(profile, { id: data.profile_id });
      model.createEdge(customer, 'HAS_BEHAVIORAL_PROFILE', profile);
    }
    const { baseline_data_ref } = data;
    Object.assign(model.node(profile) ?? {}, { baseline_data_ref, last_updated: utcTime(occurred_at) });
  },

  IdentityMatchSuggested(model, { stream_id, occurred_at, data }) {
    const other = nodeRef('Customer', data.customer_id);
    model.createEdge(nodeRef('Customer', stream_id), 'POSSIBLY_SAME_AS', other, {
      score: data.score,
      evidence: data.evidence,
      status: 'suggested',
      suggested_at: utcTime(occurred_at),
    });
  },

  IdentityMatchResolved(model, { stream_id, data }) {
    const other = nodeRef('Customer', data.customer_id);
    const match = model.edge(nodeRef('Customer', stream_id), 'POSSIBLY_SAME_AS', other);
    if (match) match.status = data.status;
  },
};
