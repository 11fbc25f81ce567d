// Passkeys (WebAuthn) on /sign-in, /sign-in/second-step and /account/passkeys/new. What is said to people comes with the page, in its language.

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const named = (credentials = []) => credentials.map((credential) => ({ ...credential, id: bytesOf(credential.id) }));

/** What the server said is wrong. */
class Refusal extends Error {}

async function ask(path, body) {
  const headers = body ? { 'content-type': 'application/json' } : {};
  const response = await fetch(path, { method: 'POST', headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!answer.success) throw new Refusal(answer.error);
  return answer.data;
}

/** A credential as `toJSON()` writes it, which not every browser has. */
function written({ id, rawId, type, response }, names) {
  const parts = names.filter((name) => response[name]).map((name) => [name, textOf(response[name])]);
  return { id, rawId: textOf(rawId), type, response: Object.fromEntries(parts) };
}

/** Says on the page what went wrong, in its words. */
function tell(root, error) {
  const texts = root.dataset;
  const known = {
    AbortError: '',
    NotAllowedError: texts.cancelled,
    InvalidStateError: texts.known,
    NotSupportedError: texts.unsupported,
    SecurityError: texts.unsupported,
  };
  root.querySelector('[role=alert]').textContent = error instanceof Refusal ? error.message : (known[error.name] ?? texts.failed);
}

const isHere = (root) => location.origin === root.dataset.origin;

/** The button of the pages that sign in, and what the browser offers in a field for an address. */
function signIn(root) {
  if (!window.PublicKeyCredential || !isHere(root)) return;
  const button = root.querySelector('button');
  let under = new AbortController();
  let isChosen = false;

  async function get(mediation) {
    // A browser has one request at a time.
    under.abort();
    under = new AbortController();
    isChosen = false;
    const { signal } = under;
    const { ceremony, options } = await ask('/api/auth/passkey/options');
    signal.throwIfAborted();
    const publicKey = { ...options, challenge: bytesOf(options.challenge), allowCredentials: named(options.allowCredentials) };
    const credential = await navigator.credentials.get({ mediation, signal, publicKey });
    isChosen = true;
    const response = written(credential, ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle']);
    await ask(root.dataset.finish, { ceremony, credential: response });
    location.assign(root.dataset.next);
  }

  async function offer() {
    if (!document.querySelector('input[autocomplete~=webauthn]')) return;
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    // Nobody has asked for anything: only what follows a choice is said.
    await get('conditional').catch((error) => isChosen && tell(root, error));
  }

  button.addEventListener('click', async () => {
    tell(root, new DOMException('', 'AbortError'));
    button.disabled = true;
    await get('optional').catch((error) => {
      tell(root, error);
      offer();
    });
    button.disabled = false;
  });
  root.hidden = false;
  offer();
  // Before the server forgets what was offered.
  setInterval(() => document.hidden || button.disabled || offer(), 4 * 60_000);
}

/** The form of /account/passkeys/new. */
function add(form) {
  const button = form.querySelector('button');
  if (!isHere(form)) return tell(form, new Refusal(form.dataset.elsewhere));
  if (!window.PublicKeyCredential) return tell(form, new Refusal(form.dataset.unsupported));
  button.disabled = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    button.disabled = true;
    try {
      const begun = await ask('/api/account/passkeys/options', { currentPassword: fields.get('currentPassword') ?? '' });
      const { challenge, user, excludeCredentials } = begun.options;
      const publicKey = {
        ...begun.options,
        challenge: bytesOf(challenge),
        user: { ...user, id: bytesOf(user.id) },
        excludeCredentials: named(excludeCredentials),
      };
      const credential = await navigator.credentials.create({ publicKey });
      const response = written(credential, ['clientDataJSON', 'attestationObject']);
      await ask('/api/account/passkeys', { ceremony: begun.ceremony, name: fields.get('name'), credential: response });
      location.assign('/account?said=passkey-added#passkeys');
    } catch (error) {
      tell(form, error);
    }
    button.disabled = false;
  });
}

const [button, form] = ['sign-in-by-passkey', 'new-passkey'].map((id) => document.getElementById(id));
if (button) signIn(button);
if (form) add(form);
