import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NoticeData, NoticeTemplate } from '../ports.ts';
import { english } from './english.ts';
import { renderNotice } from './index.ts';

const TEMPLATES = Object.keys(english.templates) as NoticeTemplate[];

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
  const notice = renderNotice(template, data, 'en-GB');

  test('names the amount, what it was for, and leads to one link', () => {
    for (const part of [notice.subject, notice.text]) {
      expect(part).toContain('€12.50');
      expect(part).toContain('Gym membership, May');
    }
    expect(notice.text.split(data.link)).toHaveLength(2);
    expect(notice.html.match(/<a /g)).toHaveLength(1);
    expect(notice.html).toContain('href="https://shop.example/wallet?c=1&amp;p=2"');
  });

  test('never says why a bank declined', () => {
    const said = JSON.stringify(notice).toLowerCase();
    for (const word of ['stolen', 'lost', 'fraud', 'reported', 'blocked', 'suspicious', 'insufficient']) {
      expect(said).not.toContain(word);
    }
  });

  test('says the same as text and as a page', () => {
    for (const line of notice.text.split('\n').filter((text) => text !== '' && text !== data.link)) {
      expect(notice.html).toContain(line.replace(/:$/, ''));
    }
  });

  test('holds together with as little data as allowed', () => {
    const { amount, amount_text, currency, payment_id, link } = data;
    const least = {
      amount,
      amount_text,
      currency,
      payment_id,
      link,
      failed_method: { brand: '', last_four: '' },
    };
    const bare = renderNotice(template, least, 'en');
    expect(JSON.stringify(bare)).not.toMatch(/undefined|NaN|  |null/);
    expect(bare.text).toMatch(/€12\.50[ ,.]/);
  });

  test('lets no value out of its place, whatever it holds', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('<', '>', '"', "'", '&', '\n', '\r', '\u2028', 'a', ' '),
    });
    const plain = tagsOf(notice.html);
    fc.assert(
      fc.property(hostile, hostile, hostile, (description, brand, link) => {
        const values = { ...data, description, failed_method: { brand, last_four: '4242' }, link };
        const rendered = renderNotice(template, values, 'en');
        expect(tagsOf(rendered.html)).toEqual(plain);
        expect(rendered.subject).not.toMatch(/[\r\n\u2028]/);
      }),
    );
  });
});

test('recovered tells which failed, which was charged, the new default and how to undo it', () => {
  const { text } = renderNotice('recovered', data, 'en');
  expect(text).toContain('did not go through with your Visa ending in 4242');
  expect(text).toContain('from your Mastercard ending in 4444 instead');
  expect(text).toContain('Mastercard ending in 4444 is now your default payment method');
  expect(text).toContain('undoes');
  const { new_default: _, ...unchanged } = data;
  expect(renderNotice('recovered', unchanged, 'en').text).toContain('the same as before');
});

test('a date is written out, by UTC', () => {
  expect(renderNotice('no_alternative', data, 'en').text).toContain('until 4 March 2026.');
});

test('a language that is not there yet is written in English, and says so', () => {
  expect(renderNotice('recovered', data, 'fi-FI')).toEqual(renderNotice('recovered', data, 'en'));
  expect(renderNotice('recovered', data, 'fi-FI').html).toContain('<html lang="en">');
});

/** The page's tags with their attributes' names: what a value could only change by breaking out. */
function tagsOf(html: string): string[] {
  return [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'));
}
