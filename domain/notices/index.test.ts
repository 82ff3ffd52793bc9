import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DECLINE_TABLE } from '../decline/table.ts';
import type {
  CardNoticeData,
  CardNoticeTemplate,
  NoticeData,
  NoticeTemplate,
  PaymentNoticeTemplate,
} from '../ports.ts';
import { english } from '../texts/en.ts';
import { amountText, renderNotice } from './index.ts';

const CODE_ROWS = Object.values(DECLINE_TABLE).flatMap((rows) =>
  Array.isArray(rows) ? rows.filter((row) => 'codes' in row) : [],
);
const email = (locale = 'en') => ({ locale, channel: 'email' as const });
const isOfCard = (template: NoticeTemplate): template is CardNoticeTemplate => template.startsWith('card_');
const isAboutPayment = (template: NoticeTemplate): template is PaymentNoticeTemplate =>
  !['account_suspended', 'contest_decided', 'data_erased'].includes(template) && !isOfCard(template);
const ALL = Object.keys(english.templates) as NoticeTemplate[];
/** Templates about a payment. */
const TEMPLATES = ALL.filter(isAboutPayment);

const data: NoticeData = {
  amount: 1250,
  amount_text: '€12.50',
  currency: 'EUR',
  payment_id: 'inv_1',
  description: 'Gym membership, May',
  failed_method: { brand: 'visa', last_four: '4242' },
  charged_method: { brand: 'mastercard', last_four: '4444' },
  new_default: { brand: 'mastercard', last_four: '4444' },
  link: 'https://shop.example/wallet?c=1&p=2',
  closes_at: '2026-03-04T23:59:59Z',
};

describe.each(TEMPLATES)('%s', (template) => {
  const notice = renderNotice(template, data, email('en-GB'));

  test('states the amount and its purpose, and contains one link', () => {
    for (const part of [notice.subject, notice.text]) {
      expect(part).toContain('€12.50');
      expect(part).toContain('Gym membership, May');
    }
    expect(notice.text.split(data.link)).toHaveLength(2);
    expect(notice.html.match(/<a /g)).toHaveLength(1);
    expect(notice.html).toContain('href="https://shop.example/wallet?c=1&amp;p=2"');
  });

  test('never says why a bank declined, for any code', () => {
    const output = JSON.stringify(notice).toLowerCase();
    for (const word of [
      'stolen',
      'lost',
      'fraud',
      'reported',
      'blocked',
      'suspicious',
      'insufficient',
      'expired',
    ]) {
      expect(output).not.toContain(word);
    }
    const reasons = CODE_ROWS.flatMap(({ codes, meaning }) => [meaning, ...codes]);
    // Shorter codes are digits and letters that may occur in any amount or date.
    const revealing = reasons.filter((reason) => reason.length > 3).map((reason) => reason.toLowerCase());
    expect(revealing.length).toBeGreaterThan(100);
    for (const reason of revealing) {
      expect(output).not.toContain(reason);
      expect(output).not.toContain(reason.replaceAll('_', ' '));
    }
  });

  test('has the same content as text and as HTML, the text in lines of at most 72 characters', () => {
    expect(notice.text.endsWith('\n')).toBe(true);
    for (const block of notice.text.trim().split('\n\n')) {
      const words = block.replace(`\n${data.link}`, '').replaceAll('\n', ' ');
      expect(notice.html).toContain(words.replace(/:$/, ''));
    }
    for (const line of notice.text.split('\n')) expect(line.length).toBeLessThanOrEqual(72);
  });

  test('has the same sentences as a text message, without heading and small print', () => {
    const { text } = renderNotice(template, data, { locale: 'en', channel: 'sms' });
    expect(text.split('\n').at(-1)).toMatch(/^[A-Z][a-z ]+: https:/);
    expect(text).toContain('€12.50 for Gym membership, May');
    for (const sentence of text.split('\n').slice(0, -1)) expect(notice.html).toContain(sentence);
    expect(text.length).toBeLessThan(500);
  });

  test('is complete with the minimum of data', () => {
    const { amount, amount_text, currency, payment_id, link } = data;
    const minimal = {
      amount,
      amount_text,
      currency,
      payment_id,
      link,
      failed_method: { brand: '', last_four: '' },
    };
    const bare = renderNotice(template, minimal, email());
    expect(JSON.stringify(bare)).not.toMatch(/undefined|NaN|  |null/);
    expect(bare.text).toMatch(/€12\.50[ ,.]/);
  });

  test('escapes every value, whatever it contains', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('<', '>', '"', "'", '&', '\n', '\r', '\u2028', 'a', ' '),
    });
    const plain = tagsOf(notice.html);
    fc.assert(
      fc.property(hostile, hostile, hostile, (description, brand, link) => {
        const values = { ...data, description, failed_method: { brand, last_four: '4242' }, link };
        const rendered = renderNotice(template, values, email());
        expect(tagsOf(rendered.html)).toEqual(plain);
        expect(rendered.subject).not.toMatch(/[\r\n\u2028]/);
      }),
    );
  });
});

test('a suspended customer is informed that the account is on hold, never why, with a link to it', () => {
  const { link } = data;
  for (const channel of ['email', 'sms'] as const) {
    const { subject, text, html } = renderNotice('account_suspended', { link }, { locale: 'en', channel });
    expect(subject).toBe('Your account is on hold');
    expect(text.split(link)).toHaveLength(2);
    expect(html.match(/<a /g)).toHaveLength(1);
    expect(`${text}${html}`).not.toMatch(/fraud|stolen|suspici|suspect|undefined|null/i);
  }
});

test('a decided contest is said to be upheld or rejected, never what was contested or why, with a link to it', () => {
  const { link } = data;
  for (const [decision, words] of [
    ['upheld', 'agrees with you'],
    ['rejected', 'it stands'],
  ] as const)
    for (const channel of ['email', 'sms'] as const) {
      const { text } = renderNotice('contest_decided', { link, decision }, { locale: 'en', channel });
      expect(text.replaceAll('\n', ' ')).toContain(words);
      expect(text.split(link)).toHaveLength(2);
    }
});

test('recovered states the failed method, the charged one, the new default and how to undo it', () => {
  const output = renderNotice('recovered', data, email()).text.replaceAll('\n', ' ');
  expect(output).toContain('did not go through with your Visa ending in 4242');
  expect(output).toContain('from your Mastercard ending in 4444 instead');
  expect(output).toContain('Mastercard ending in 4444 is now your default payment method');
  expect(output).toContain('undoes');
  const { new_default: _, ...unchanged } = data;
  expect(renderNotice('recovered', unchanged, email()).text).toContain('the same as before');
});

test('a recovery by a retry of the same card does not mention another one', () => {
  const { text } = renderNotice('recovered', { ...data, charged_method: data.failed_method }, email());
  expect(text.replaceAll('\n', ' ')).toContain('did not go through at first');
  expect(text).not.toContain('instead');
});

test('a refund states its amount and its method', () => {
  expect(renderNotice('refund_issued', data, email()).text.replaceAll('\n', ' ')).toContain(
    'we are refunding €12.50 to your Mastercard ending in 4444',
  );
});

test('a long description is truncated in the subject only', () => {
  const description = `Annual plan for ${'household '.repeat(18)}energy`;
  const { subject, text } = renderNotice('recovered', { ...data, description }, email());
  expect(subject).toBe('We have received your payment of €12.50 for Annual plan for household household…');
  expect(text.replaceAll('\n', ' ')).toContain(description);
});

test('lines break neither within a short description nor within a date or a card', () => {
  for (let length = 11; length <= 48; length += 1) {
    const description = 'Tea for two'.padEnd(length, '.');
    for (const template of TEMPLATES) {
      const { text } = renderNotice(template, { ...data, description }, email());
      expect(text).toContain(description);
      expect(text).not.toMatch(/\d\nMarch|March\n|in\n4/);
    }
  }
});

test('a right-to-left description, or one with direction marks, leaves the sentence unchanged', () => {
  const { text } = renderNotice('reminder', { ...data, description: '\u202Eقهوة\u2066' }, email());
  expect(text).toContain('your payment of €12.50 for قهوة.\n');
});

test('a method with unknown details is named by the known ones', () => {
  const output = (brand: string, last_four: string) =>
    renderNotice('no_alternative', { ...data, failed_method: { brand, last_four } }, email()).text;
  expect(output('amex', '')).toContain('your American Express, and');
  expect(output('', '6789')).toContain('payment method ending in 6789');
  expect(output('constructor', '')).toContain('your constructor, and');
});

test('an amount follows the customer’s locale only if the notice is in their language', () => {
  expect(amountText(123450, 'EUR', 'en-GB')).toBe('€1,234.50');
  expect(amountText(123450, 'EUR', 'en-IN')).toBe('€1,234.50');
  expect(amountText(123450, 'EUR', 'ar-EG')).toBe('€1,234.50');
  expect(amountText(5000, 'JPY', 'de')).toBe('¥5,000');
  expect(amountText(5000, 'AUD', 'en-AU')).toBe('$50.00');
  expect(amountText(5000, 'AUD', 'constructor')).toBe('A$50.00');
});

test('a date is written out, in UTC', () => {
  expect(renderNotice('no_alternative', data, email()).text).toContain('until 4 March 2026.');
});

test('an unsupported language falls back to English, declared as such', () => {
  expect(renderNotice('recovered', data, email('fi-FI'))).toEqual(renderNotice('recovered', data, email()));
  expect(renderNotice('recovered', data, email('fi-FI')).html).toContain('<html lang="en">');
});

/** The HTML's tags with their attribute names, which only an unescaped value could change. */
function tagsOf(html: string): string[] {
  return [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'));
}

describe.each(ALL.filter(isOfCard))('%s', (template) => {
  const card: CardNoticeData = {
    payment_method: { brand: 'visa', last_four: '4242' },
    expires: '2026-12',
    link: 'https://shop.example/wallet?c=1',
  };
  const notice = renderNotice(template, card, email('en-GB'));

  test('names the card and its month, but no payment, and contains one link', () => {
    const output = notice.text.replaceAll('\n', ' ');
    expect(notice.subject).toContain('Visa ending in 4242');
    expect(output).toContain('Visa ending in 4242');
    expect(output).toContain('December 2026');
    expect(JSON.stringify(notice)).not.toMatch(/undefined|NaN|null|declined/);
    expect(notice.text.split(card.link)).toHaveLength(2);
    expect(notice.html.match(/<a /g)).toHaveLength(1);
    for (const line of notice.text.split('\n')) expect(line.length).toBeLessThanOrEqual(72);
  });

  test('is short as a text message and complete with the minimum of data', () => {
    const minimal = { ...card, payment_method: { brand: 'payment method', last_four: '' } };
    const { text } = renderNotice(template, minimal, { locale: 'en', channel: 'sms' });
    expect(text).toContain('Your payment method ');
    expect(text.length).toBeLessThan(500);
  });
});
