// Keeps what is in [data-live] as it is now, for as long as somebody looks at it. The server says what is there; nothing is counted here.

const EVERY = 1500;
let last = document.querySelector('[data-live]')?.innerHTML;

async function refresh() {
  if (document.hidden) return;
  const response = await fetch(location.href, { redirect: 'error' });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const [now, next] = [document, page].map((one) => one.querySelector('[data-live]'));
  if (!now || !next || next.innerHTML === last) return;
  last = next.innerHTML;
  // What is open stays open, and who is somewhere stays there.
  for (const { id } of now.querySelectorAll('details[open]')) next.querySelector(`#${CSS.escape(id)}`)?.setAttribute('open', '');
  const focused = now.contains(document.activeElement) ? document.activeElement.id : '';
  now.replaceChildren(...next.childNodes);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function keep() {
  try {
    await refresh();
  } catch {
    // The next time, perhaps.
  }
  setTimeout(keep, EVERY);
}

setTimeout(keep, EVERY);
