// Plays the parts of Clerk that the site meets in a browser, as a development instance: the keys, the handshake, the page on which
// people sign in, and the Backend API. tests/it/fake_clerk.rs is the same for tests without a browser.
//
//     node clerk.mjs PORT SITE
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const [port, site] = process.argv.slice(2);
const root = `http://localhost:${port}`;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KID = 'ins_1';

const users = {
  user_ada: {
    id: 'user_ada',
    object: 'user',
    first_name: 'Ada',
    last_name: 'Lovelace',
    username: null,
    primary_email_address_id: 'idn_1',
    email_addresses: [{ id: 'idn_1', email_address: 'ada.of.clerk@example.org', verification: { status: 'verified' } }],
    public_metadata: {},
    banned: false,
    locked: false,
    created_at: 1654012591835,
  },
};
/** Sessions that somebody has begun: the user by its id. What ends is taken out. */
const sessions = new Map();

const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
function token(claims) {
  const message = `${encoded({ alg: 'RS256', typ: 'JWT', kid: KID })}.${encoded(claims)}`;
  return `${message}.${sign('sha256', Buffer.from(message), privateKey).toString('base64url')}`;
}

const cookieOf = (request, name) => (request.headers.cookie ?? '').split('; ').find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);

function answer(response, status, body, headers = {}) {
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/html; charset=utf-8' : 'application/json', ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

/** Who is signed in here gets new cookies of the site; who is not, none. */
function handshake(request, response, query) {
  const back = new URL(query.get('redirect_url'));
  const sid = cookieOf(request, '__client');
  const now = Math.floor(Date.now() / 1000);
  const cookies = ['__clerk_db_jwt=dvb_1; Path=/'];
  if (sessions.has(sid)) {
    const claims = { sub: sessions.get(sid), sid, iss: root, azp: site, iat: now, nbf: now - 10, exp: now + 60, fva: [0, -1], sts: 'active', v: 2 };
    cookies.unshift(`__session=${token(claims)}; Path=/; SameSite=Lax`, `__client_uat=${now - 1}; Path=/; SameSite=Lax`);
  } else {
    cookies.unshift('__session=; Path=/; Max-Age=0', '__client_uat=0; Path=/');
  }
  back.searchParams.append('__clerk_handshake', token({ handshake: cookies }));
  answer(response, 307, '', { location: back.href });
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
const page = (back) => `<!doctype html><html lang="en"><title>Account Portal</title><link rel="icon" href="data:,">
<h1>Account Portal</h1><form method="post" action="/sign-in"><input type="hidden" name="redirect_url" value="${escaped(back)}">
<button>Continue as Ada</button></form></html>`;

createServer(async (request, response) => {
  const url = new URL(request.url, root);
  const isOurs = (request.headers.authorization ?? '').startsWith('Bearer sk_');
  const [, user] = url.pathname.match(/^\/v1\/users\/(\w+)$/) ?? [];
  const [, ended] = url.pathname.match(/^\/v1\/sessions\/([\w-]+)\/revoke$/) ?? [];
  if (url.pathname === '/healthz') return answer(response, 200, {});
  if (url.pathname === '/.well-known/jwks.json') {
    return answer(response, 200, { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', kid: KID, alg: 'RS256' }] });
  }
  if (url.pathname === '/v1/client/handshake') return handshake(request, response, url.searchParams);
  if (['/sign-in', '/sign-up'].includes(url.pathname) && request.method === 'GET') {
    return answer(response, 200, page(url.searchParams.get('redirect_url')));
  }
  if (url.pathname === '/sign-in') {
    const back = new URL(new URLSearchParams(await body(request)).get('redirect_url'));
    // Nobody sends people but to the site.
    if (back.origin !== site) return answer(response, 400, {});
    const sid = `sess_${createHmac('sha256', KID).update(`${sessions.size}`).digest('hex').slice(0, 12)}${Date.now()}`;
    sessions.set(sid, 'user_ada');
    back.searchParams.append('__clerk_db_jwt', 'dvb_1');
    return answer(response, 303, '', { location: back.href, 'set-cookie': `__client=${sid}; Path=/; HttpOnly; SameSite=Lax` });
  }
  // What keeps sessions fresh while a page is open: the pages of these tests are not open for so long.
  if (url.pathname.endsWith('/clerk.browser.js')) {
    return answer(response, 200, 'window.Clerk = { load: async () => {} };', { 'content-type': 'text/javascript', 'access-control-allow-origin': '*' });
  }
  if (!isOurs) return answer(response, 401, {});
  if (user) return users[user] ? answer(response, 200, users[user]) : answer(response, 404, { errors: [{ code: 'resource_not_found' }] });
  if (ended && request.method === 'POST') {
    sessions.delete(ended);
    return answer(response, 200, { id: ended, object: 'session', status: 'revoked' });
  }
  answer(response, 404, {});
}).listen(Number(port), '127.0.0.1');
