import type {
  Page,
  PaymentMethodView,
  ProfileView,
  RecoveryView,
  TimelineView,
} from '../../services/views.ts';
import type { CommandResult } from '../command-result.ts';
import { callRest } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { fields, moneyText, table, timeText } from '../tables.ts';

export interface PageOptions {
  limit?: string;
  cursor?: string;
}

/** Profile and wallet. The document is the profile alone, in REST's shape. */
export async function showCustomer(settings: Settings, customerId: string): Promise<CommandResult> {
  const path = `/api/v1/customers/${customerId}`;
  const [profile, wallet] = await Promise.all([
    callRest<ProfileView>(settings, 'GET', `${path}/profile`),
    callRest<Page<PaymentMethodView>>(settings, 'GET', `${path}/payment-methods`),
  ]);
  const identifiers = profile.identifiers.map(({ type, value, is_verified }) => [type, value, is_verified]);
  const methods = wallet.items.map((method) => [
    method.payment_method_id,
    [method.brand ?? method.type, method.last_four].filter(Boolean).join(' '),
    method.status,
    expiry(method),
    method.is_default,
    method.off_session_consent,
    timeText(method.last_used),
  ]);
  const text = [
    fields([
      ['customer', profile.customer_id],
      ['status', profile.status],
      ['segment', profile.segment],
      ['locale', profile.locale],
      ['behavioural profile', profile.behavioral_profile_ref],
      ['devices', profile.device_count],
      ['version', profile.version],
    ]),
    '',
    table(['identifier', 'value', 'verified'], identifiers, 'No e-mail address or phone number.'),
    '',
    table(
      ['payment method', 'type', 'status', 'expires', 'default', 'consent', 'last used (UTC)'],
      methods,
      'No payment methods.',
    ),
  ];
  return { document: profile, text: text.join('\n') };
}

/** The customer's history as text. */
export async function showTimeline(
  settings: Settings,
  customerId: string,
  options: PageOptions,
): Promise<CommandResult> {
  const page = await fetchPage<TimelineView>(settings, `/api/v1/customers/${customerId}/timeline`, options);
  const rows = page.items.map(({ seq, occurred_at, text }) => [seq, timeText(occurred_at), text]);
  return {
    document: page,
    text: table(['seq', 'when (UTC)', 'what'], rows, 'No entries.') + nextPageHint(page),
  };
}

/** Open and past recoveries. */
export async function showRecoveries(
  settings: Settings,
  customerId: string,
  options: PageOptions,
): Promise<CommandResult> {
  const page = await fetchPage<RecoveryView>(settings, `/api/v1/customers/${customerId}/recoveries`, options);
  const rows = page.items.map((recovery) => [
    recovery.payment_id,
    moneyText(recovery.amount, recovery.currency),
    recovery.outcome ?? recovery.state,
    recovery.attempts.length,
    timeText(recovery.opened_at),
    recovery.reason_text,
  ]);
  const headings = ['payment', 'amount', 'state', 'attempts', 'opened (UTC)', 'reason'];
  return { document: page, text: table(headings, rows, 'No recoveries.') + nextPageHint(page) };
}

function fetchPage<T>(settings: Settings, path: string, { limit, cursor }: PageOptions): Promise<Page<T>> {
  const query = new URLSearchParams({ ...(limit && { limit }), ...(cursor && { cursor }) });
  return callRest<Page<T>>(settings, 'GET', query.size > 0 ? `${path}?${query}` : path);
}

function nextPageHint({ next_cursor }: Page<unknown>): string {
  return next_cursor ? `\nNext page: --cursor ${next_cursor}` : '';
}

function expiry({ expiry_month, expiry_year }: PaymentMethodView): string | undefined {
  return expiry_month && expiry_year ? `${String(expiry_month).padStart(2, '0')}/${expiry_year}` : undefined;
}
