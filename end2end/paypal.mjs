// PayPal for the browser tests: tokens, orders, captures, refunds, subscriptions, and the pages where a buyer agrees. Its buttons say how it ends:
// `Pay`, `Cancel`, `Pay, pending` (decided by `Settle`), `Pay with a declined card`, `Pay and close` (the buyer never comes back). What
// happens is reported to the shop's webhook, which asks back (`PAYPAL_WEBHOOK_CHECK=postback`).
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

export const PAYPAL = { id: 'scripted-client', secret: 'scripted-secret', webhook: '5GP028458E2496506', merchant: '5KAP3ZQ9MD2JC' };

const port = Number(process.argv[2]);
const root = `http://127.0.0.1:${port}`;
const orders = new Map();
const plans = new Map();
const subscriptions = new Map();
const keys = new Map();
const tokens = new Set();
const sent = new Map();
let count = 0;
const newId = (kind) => kind + String(++count).padStart(17 - kind.length, '0');

const failure = (status, name, issue) => ({ status, body: { name, message: 'It was refused.', debug_id: 'f3391198e4dae', details: issue ? [{ issue }] : [], links: [] } });
const business = (issue) => failure(422, 'UNPROCESSABLE_ENTITY', issue);
const unknown = () => failure(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID');

function shown(order) {
  const { amount, custom_id, invoice_id } = order.unit;
  const unit = { reference_id: 'default', amount, custom_id, invoice_id, payee: { merchant_id: PAYPAL.merchant } };
  if (order.captures.length) unit.payments = { captures: order.captures, refunds: order.refunds };
  const links = [{ href: `${root}/v2/checkout/orders/${order.id}`, rel: 'self', method: 'GET' }];
  if (order.status !== 'COMPLETED') links.push({ href: `${root}/checkoutnow?token=${order.id}`, rel: 'payer-action', method: 'GET' });
  return { id: order.id, intent: 'CAPTURE', status: order.status, purchase_units: [unit], links };
}

/** Reports to the shop, again until it is acknowledged. */
async function report(order, type, resourceType, resource) {
  const body = JSON.stringify({ id: `WH-${newId('')}`, event_version: '1.0', event_type: type, resource_type: resourceType, resource, links: [] });
  const [id, signature] = [randomUUID(), randomBytes(256).toString('base64')];
  sent.set(id, { signature, body });
  const headers = {
    'content-type': 'application/json',
    'paypal-transmission-id': id,
    'paypal-transmission-time': '2026-01-01T00:00:00Z',
    'paypal-transmission-sig': signature,
    'paypal-cert-url': 'https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1',
    'paypal-auth-algo': 'SHA256withRSA',
  };
  const url = new URL('/api/webhooks/paypal', order.experience.return_url);
  for (let tries = 0; tries < 20; tries++) {
    const response = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((done) => setTimeout(done, 500));
  }
}

const reportCapture = (order, kind) => report(order, `PAYMENT.CAPTURE.${kind}`, 'capture', order.captures[0]);

function create(body) {
  const unit = body.purchase_units[0];
  const experience = body.payment_source.paypal.experience_context;
  const order = { id: newId('5O'), unit, experience, status: 'PAYER_ACTION_REQUIRED', captures: [], refunds: [], how: 'pay' };
  orders.set(order.id, order);
  return { status: 201, body: () => shown(order) };
}

function capture(order) {
  if (order.status === 'COMPLETED') return business('ORDER_ALREADY_CAPTURED');
  if (order.status !== 'APPROVED') return business('ORDER_NOT_APPROVED');
  if (order.how === 'decline') {
    order.status = 'PAYER_ACTION_REQUIRED';
    return business('INSTRUMENT_DECLINED');
  }
  const id = newId('3C');
  const { currency_code, value } = order.unit.amount;
  const pending = order.how === 'pending';
  order.captures.push({
    id,
    status: pending ? 'PENDING' : 'COMPLETED',
    ...(pending && { status_details: { reason: 'PENDING_REVIEW' } }),
    amount: { currency_code, value },
    custom_id: order.unit.custom_id,
    payee: { merchant_id: PAYPAL.merchant },
    supplementary_data: { related_ids: { order_id: order.id } },
    links: [{ href: `${root}/v2/checkout/orders/${order.id}`, rel: 'up', method: 'GET' }],
  });
  order.status = 'COMPLETED';
  reportCapture(order, pending ? 'PENDING' : 'COMPLETED');
  return { status: 201, body: () => shown(order) };
}

function refund(order, capture, { amount = capture.amount }) {
  const back = order.refunds.reduce((sum, refund) => sum + Number(refund.amount.value), 0);
  if (capture.status === 'PENDING') return business('PENDING_CAPTURE');
  if (back + Number(amount.value) > Number(capture.amount.value) + 1e-9) return business('REFUND_AMOUNT_EXCEEDED');
  const id = newId('RE');
  const done = { id, status: 'COMPLETED', amount, links: [{ href: `${root}/v2/payments/captures/${capture.id}`, rel: 'up', method: 'GET' }] };
  order.refunds.push(done);
  capture.status = back + Number(amount.value) < Number(capture.amount.value) - 1e-9 ? 'PARTIALLY_REFUNDED' : 'REFUNDED';
  report(order, 'PAYMENT.CAPTURE.REFUNDED', 'refund', done);
  return { status: 201, body: () => done };
}

function shownSubscription(known) {
  const links = [{ href: `${root}/webapps/billing/subscriptions?ba_token=${known.id}`, rel: 'approve', method: 'GET' }];
  return { id: known.id, status: known.status, plan_id: known.plan, custom_id: known.custom, billing_info: { failed_payments_count: 0 }, links };
}

const reportSubscription = (known, kind) => report({ experience: known.context }, `BILLING.SUBSCRIPTION.${kind}`, 'subscription', shownSubscription(known));

/** A month is paid. */
function charge(known) {
  const price = plans.get(known.plan);
  const sale = { id: newId('8A'), status: 'COMPLETED', time: new Date().toISOString(), amount_with_breakdown: { gross_amount: price } };
  known.sales.push(sale);
  const resource = { id: sale.id, state: 'completed', billing_agreement_id: known.id, amount: { total: price.value, currency: price.currency_code }, create_time: sale.time };
  report({ experience: known.context }, 'PAYMENT.SALE.COMPLETED', 'sale', resource);
}

/** Plans and subscriptions; nothing for other paths. */
function recurring(method, path, key, body) {
  if (path === '/v1/catalogs/products') return once(key, () => ({ status: 201, body: { id: newId('PROD-') } }));
  if (path === '/v1/billing/plans') {
    return once(key, () => {
      const id = newId('P-');
      plans.set(id, body.billing_cycles[0].pricing_scheme.fixed_price);
      return { status: 201, body: { id } };
    });
  }
  if (path === '/v1/billing/subscriptions') {
    return once(key, () => {
      const known = { id: newId('I-'), status: 'APPROVAL_PENDING', plan: body.plan_id, custom: body.custom_id, context: body.application_context, sales: [] };
      subscriptions.set(known.id, known);
      return { status: 201, body: shownSubscription(known) };
    });
  }
  const [, id, action] = path.match(/^\/v1\/billing\/subscriptions\/([\w-]+)(?:\/(\w+))?$/) ?? [];
  if (!id) return undefined;
  const known = subscriptions.get(id);
  if (!known) return unknown();
  if (action === 'transactions') return { status: 200, body: { transactions: known.sales } };
  if (action === 'cancel') {
    if (known.status !== 'ACTIVE') return business('SUBSCRIPTION_STATUS_INVALID');
    known.status = 'CANCELLED';
    reportSubscription(known, 'CANCELLED');
    return { status: 204 };
  }
  return { status: 200, body: shownSubscription(known) };
}

/** What a subscriber sees, and what their answer leads to. */
function agreement(method, how, id) {
  const known = subscriptions.get(id);
  if (!known) return { status: 404, page: PAGE('<p>There is no such subscription.</p>') };
  if (method === 'GET') {
    const { value, currency_code } = plans.get(known.plan);
    const button = (how, label) => `<form method="post" action="/webapps/billing/${how}?ba_token=${id}"><button>${label}</button></form>`;
    return { status: 200, page: PAGE(`<p>${value} ${currency_code} a month</p>${button('agree', 'Agree')}${button('cancel', 'Cancel')}`) };
  }
  if (how === 'agree' && known.status === 'APPROVAL_PENDING') {
    known.status = 'ACTIVE';
    reportSubscription(known, 'ACTIVATED');
    charge(known);
  }
  return { to: how === 'agree' ? known.context.return_url : known.context.cancel_url, with: { subscription_id: id, ba_token: 'BA-1', token: 'BA-1' } };
}

/** The same key has the same answer. */
function once(key, act) {
  if (!key) return act();
  const known = keys.get(key);
  if (known) return { ...known, status: known.status === 201 ? 200 : known.status };
  const done = act();
  if (done.body?.details?.[0]?.issue !== 'ORDER_NOT_APPROVED') keys.set(key, done);
  return done;
}

function api(method, path, headers, text) {
  if (path === '/v1/oauth2/token') {
    const basic = Buffer.from(`${PAYPAL.id}:${PAYPAL.secret}`).toString('base64');
    if (headers.authorization !== `Basic ${basic}`) return { status: 401, body: { error: 'invalid_client' } };
    const token = newId('A21AA');
    tokens.add(token);
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: 32400 } };
  }
  if (!tokens.has(headers.authorization?.replace('Bearer ', ''))) return failure(401, 'AUTHENTICATION_FAILURE');
  const body = text ? JSON.parse(text) : {};
  const key = headers['paypal-request-id'] && `${path} ${headers['paypal-request-id']}`;
  if (method === 'POST' && path === '/v2/checkout/orders') return once(key, () => create(body));
  let [, id, action] = path.match(/^\/v2\/checkout\/orders\/(\w+)(\/capture)?$/) ?? [];
  if (id) {
    const order = orders.get(id);
    if (!order) return unknown();
    return action ? once(key, () => capture(order)) : { status: 200, body: shown(order) };
  }
  [, id, action] = path.match(/^\/v2\/payments\/captures\/(\w+)(\/refund)?$/) ?? [];
  if (id) {
    const order = [...orders.values()].find((order) => order.captures[0]?.id === id);
    if (!order) return unknown();
    return action ? once(key, () => refund(order, order.captures[0], body)) : { status: 200, body: order.captures[0] };
  }
  if (path === '/v1/notifications/verify-webhook-signature') {
    const known = sent.get(body.transmission_id);
    const ours = known?.signature === body.transmission_sig && body.webhook_id === PAYPAL.webhook && JSON.stringify(body.webhook_event) === known.body;
    return { status: 200, body: { verification_status: ours ? 'SUCCESS' : 'FAILURE' } };
  }
  return recurring(method, path, key, body) ?? unknown();
}

const BUTTONS = { pay: 'Pay', cancel: 'Cancel', pending: 'Pay, pending', decline: 'Pay with a declined card', close: 'Pay and close' };
const PAGE = (content) => `<!doctype html><html lang="en"><title>Scripted PayPal</title><meta name="viewport" content="width=device-width"><h1>Scripted PayPal</h1>${content}</html>`;
const form = (how, id, label) => `<form method="post" action="/checkoutnow/${how}?token=${id}"><button>${label}</button></form>`;

/** What a buyer sees, and what their answer leads to: a page, or an address. */
function checkout(method, how, id) {
  const order = orders.get(id);
  if (!order) return { status: 404, page: PAGE('<p>There is no such order.</p>') };
  const { description, amount } = order.unit;
  if (method === 'GET') {
    const buttons = Object.entries(BUTTONS).map(([how, label]) => form(how, id, label));
    return { status: 200, page: PAGE(`<p>${description}: ${amount.value} ${amount.currency_code}</p>${buttons.join('')}`) };
  }
  if (how === 'cancel') return { to: order.experience.cancel_url, with: { token: id } };
  if (how === 'settle') {
    Object.assign(order.captures[0], { status: 'COMPLETED', status_details: undefined });
    reportCapture(order, 'COMPLETED');
    return { status: 200, page: PAGE('<p>It is settled.</p>') };
  }
  order.how = how;
  if (order.status === 'PAYER_ACTION_REQUIRED') order.status = 'APPROVED';
  if (how === 'close') {
    report(order, 'CHECKOUT.ORDER.APPROVED', 'checkout-order', shown(order));
    return { status: 200, page: PAGE('<p>You may close this window.</p>') };
  }
  return { to: order.experience.return_url, with: { token: id, PayerID: 'QYR5Z8XDVJNXQ' } };
}

if (import.meta.filename === process.argv[1])
  createServer(async (request, response) => {
    const url = new URL(request.url, root);
    if (url.pathname === '/healthz') return response.end('ok');
    if (url.pathname === '/favicon.ico') return response.writeHead(204).end();
    let text = '';
    for await (const part of request) text += part;
    if (url.pathname.startsWith('/checkoutnow') || url.pathname.startsWith('/webapps/billing/')) {
      const steps = url.pathname.split('/');
      const done = steps[1] === 'checkoutnow'
        ? checkout(request.method, steps[2], url.searchParams.get('token'))
        : agreement(request.method, steps[3], url.searchParams.get('ba_token'));
      if (done.page) return response.writeHead(done.status, { 'content-type': 'text/html' }).end(done.page);
      const to = new URL(done.to);
      for (const [name, value] of Object.entries(done.with)) to.searchParams.append(name, value);
      return response.writeHead(303, { location: to.href }).end();
    }
    const { status, body } = api(request.method, url.pathname, request.headers, text);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? '' : JSON.stringify(typeof body === 'function' ? body() : body));
  }).listen(port, '127.0.0.1');
