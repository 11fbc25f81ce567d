// Every page in every state that it has: what scripts/screens.sh photographs. A state is who looks (nobody, a new user, or
// one who has used everything), an address, and what is done there before the picture is taken.

const hydrated = (page) => page.waitForFunction(() => document.documentElement.dataset.hydrated !== undefined);
const press = (page, name) => page.getByRole('button', { name }).and(page.locator(':visible')).first().click();

async function send(page, message) {
  await hydrated(page);
  await page.locator('#composer').fill(message);
  await page.locator('#composer').press('Enter');
}

const ended = (page) => page.locator('li[data-author=assistant][data-state]:not([data-state=running])').last().waitFor();

/** A form as it comes back from the server, whatever the browser would have said first. */
async function submit(page, fields) {
  for (const [id, value] of Object.entries(fields)) await page.locator(`#${id}`).fill(value);
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.locator('main form').first().evaluate((form) => {
    form.noValidate = true;
    form.querySelector('button:not([type=button])').click();
  });
  await answered;
  await page.waitForLoadState();
}

/** Follows a link while the server does not answer, so that the page shows that it is waiting. */
async function followUnanswered(page, pattern, link) {
  await hydrated(page);
  await page.route(pattern, () => {});
  await page.locator(link).and(page.locator(':visible')).first().click();
  await page.waitForTimeout(300);
}

/** The drawer of a phone hides what is open on a wide screen. */
async function openSidebar(page) {
  await hydrated(page);
  if (page.viewportSize().width < 768) await press(page, 'Conversations');
}

async function openConversationMenu(page) {
  await openSidebar(page);
  await page.locator('#sidebar li button').first().click();
  await page.locator(':popover-open').getByText('Rename').waitFor();
}

async function openDialog(page, name) {
  await openConversationMenu(page);
  await page.locator(':popover-open').getByRole('button', { name }).last().click();
  await page.locator('dialog[open]').waitFor();
}

async function openPalette(page) {
  await hydrated(page);
  await page.keyboard.press('Control+k');
  await page.locator('dialog[open], :popover-open').first().waitFor();
}

const LOCALES = [
  ['', {}],
  [', Chinese', { locale: 'zh-CN' }],
];
const everyLocale = (shot) => LOCALES.map(([suffix, more]) => ({ ...shot, state: shot.state + suffix, ...more }));

export const SHOTS = [
  ...everyLocale({ page: 'landing', state: 'page', path: '/', moves: true, open: (page) => page.waitForTimeout(5500) }),
  ...everyLocale({ page: 'sign-in', state: 'empty', path: '/sign-in' }),
  ...everyLocale({
    page: 'sign-in',
    state: 'wrong password',
    path: '/sign-in',
    open: (page) => submit(page, { email: 'nobody@example.org', password: 'not the password' }),
  }),
  ...everyLocale({ page: 'sign-up', state: 'empty', path: '/sign-up' }),
  ...everyLocale({
    page: 'sign-up',
    state: 'wrong email',
    path: '/sign-up',
    open: (page) => submit(page, { email: 'ada', name: 'Ada', password: 'correct horse battery' }),
  }),
  { page: 'sign-up', state: 'all wrong, password shown', path: '/sign-up', open: async (page) => { await submit(page, { email: 'ada', password: 'short' }); await page.locator('#password').fill('short'); await press(page, 'Show password'); } },
  { page: 'sign-up', state: 'short password', path: '/sign-up', open: (page) => submit(page, { email: 'ada@example.org', password: 'short' }) },
  { page: 'sign-up', state: 'address taken', path: '/sign-up', open: (page) => submit(page, { email: 'ada@example.org', password: 'correct horse battery' }) },

  ...everyLocale({ page: 'chat', state: 'empty', path: '/chat', as: 'new' }),
  { page: 'chat', state: 'full', path: (paths) => paths.conversation, as: 'full' },
  { page: 'chat', state: 'full, Chinese', path: (paths) => paths.chinese, as: 'full', locale: 'zh-CN' },
  {
    page: 'chat',
    state: 'streaming',
    path: '/chat',
    as: 'full',
    moves: true,
    open: async (page) => {
      await send(page, 'Explain tides once more, slowly.');
      await page.getByText('invisible').first().waitFor();
    },
  },
  ...everyLocale({
    page: 'chat',
    state: 'image',
    path: '/chat',
    as: 'painter',
    open: async (page) => {
      await send(page, '/image 9:16 A lighthouse in a storm');
      await ended(page);
      await page.locator('li[data-author=assistant] img').last().waitFor();
    },
  }),
  ...everyLocale({
    page: 'chat',
    state: 'asked again',
    path: '/chat',
    as: 'full',
    open: async (page) => {
      await send(page, 'a few words #tokens=12');
      await ended(page);
      await press(page, /^(Try again|重试)/);
      await page.waitForTimeout(500);
      await ended(page);
    },
  }),
  {
    page: 'chat',
    state: 'provider error',
    path: '/chat',
    as: 'full',
    open: async (page) => {
      await send(page, 'A question that no model can answer #fail');
      await ended(page);
    },
  },
  {
    page: 'chat',
    state: 'broken off',
    path: '/chat',
    as: 'full',
    open: async (page) => {
      await send(page, 'A question whose answer breaks off #tokens=40 #cut');
      await ended(page);
    },
  },
  { page: 'chat', state: 'loading', path: '/chat', as: 'full', open: (page) => followUnanswered(page, /\/api\/conversations\//, '#sidebar li a'), from: 768 },
  { page: 'chat', state: 'conversation not there', path: '/chat/00000000-0000-7000-8000-000000000000', as: 'full', status: 404 },
  ...everyLocale({ page: 'chat', state: 'no credits left', path: '/chat', as: 'poor', open: hydrated }),
  { page: 'chat', state: 'no credits', path: '/chat', as: 'poor', open: async (page) => { await send(page, 'One more question'); await page.waitForTimeout(800); } },

  {
    page: 'chat',
    state: 'offline',
    path: '/chat',
    as: 'full',
    open: async (page) => {
      await hydrated(page);
      await page.context().setOffline(true);
      await page.waitForTimeout(300);
    },
  },

  ...everyLocale({
    page: 'chat',
    state: 'unreachable',
    path: '/chat',
    as: 'full',
    open: async (page) => {
      await hydrated(page);
      await page.context().setOffline(true);
      await page.evaluate(() => document.querySelector('#to-images').click());
      await page.waitForFunction(() => document.documentElement.hasAttribute('data-unreachable'));
    },
  }),

  ...everyLocale({ page: 'images', state: 'empty', path: '/images', as: 'new' }),
  ...everyLocale({ page: 'images', state: 'gallery', path: '/images', as: 'painter', open: (page) => page.locator('[data-tile][data-status=complete]').nth(3).waitFor() }),
  { page: 'images', state: 'selecting', path: '/images', as: 'painter', open: async (page) => { await hydrated(page); await press(page, 'Select'); await page.locator('[data-tile] a').first().click(); } },
  { page: 'images', state: 'nothing found', path: '/images?q=nothing', as: 'painter' },
  { page: 'images', state: 'too few credits', path: '/images', as: 'poor', open: hydrated },
  ...everyLocale({ page: 'image', state: 'image', path: (paths) => paths.image, as: 'painter' }),
  { page: 'image', state: 'deleting', path: (paths) => paths.image, as: 'painter', open: async (page) => { await hydrated(page); await page.keyboard.press('Delete'); await page.locator('dialog[open]').waitFor(); } },
  { page: 'image', state: 'not there', path: '/images/00000000-0000-7000-8000-000000000000', as: 'new', status: 404 },

  { page: 'dashboard', state: 'empty', path: '/dashboard', as: 'new' },
  ...everyLocale({ page: 'dashboard', state: 'no credits', path: '/dashboard?from=/chat', as: 'poor' }),
  { page: 'dashboard', state: 'full', path: '/dashboard', as: 'full' },
  { page: 'dashboard', state: 'full, Chinese', path: '/dashboard', as: 'full', locale: 'zh-CN' },
  { page: 'dashboard', state: 'loading', path: '/chat', as: 'full', open: (page) => followUnanswered(page, /\/fn\//, 'header a[href="/dashboard"]') },
  { page: 'dashboard', state: 'error', path: '/dashboard?cursor=nonsense', as: 'full', status: 400 },

  { page: 'account', state: 'empty', path: '/account', as: 'new' },
  { page: 'account', state: 'keys', path: '/account', as: 'full' },
  { page: 'account', state: 'keys, Chinese', path: '/account', as: 'full', locale: 'zh-CN' },
  { page: 'account', state: 'new key', path: '/account', as: 'maker', open: (page) => submit(page, { 'key-name': 'My script' }) },
  { page: 'account', state: 'form error', path: '/account', as: 'new', open: (page) => submit(page, { 'key-name': 'My script', 'key-budget': '-5' }) },

  { page: 'overlays', state: 'account menu', path: '/chat', as: 'full', open: async (page) => { await hydrated(page); await page.locator('[popovertarget=account-menu]').click(); } },
  { page: 'overlays', state: 'models', path: '/chat', as: 'full', open: async (page) => { await hydrated(page); await press(page, /^Model/); await page.waitForTimeout(400); } },
  { page: 'overlays', state: 'shortcuts', path: '/chat', as: 'full', open: async (page) => { await hydrated(page); await page.locator('#composer:focus').blur(); await page.keyboard.press('?'); await page.locator('dialog[open], :popover-open').first().waitFor(); } },
  { page: 'overlays', state: 'palette', path: '/chat', as: 'full', open: openPalette },
  { page: 'overlays', state: 'conversations', path: '/chat', as: 'full', open: openSidebar },
  { page: 'overlays', state: 'conversation menu', path: '/chat', as: 'full', open: openConversationMenu },
  { page: 'overlays', state: 'rename', path: '/chat', as: 'full', open: (page) => openDialog(page, /^Rename/) },
  { page: 'overlays', state: 'share', path: '/chat', as: 'full', open: (page) => openDialog(page, /^Share/) },
  { page: 'overlays', state: 'delete', path: '/chat', as: 'full', open: (page) => openDialog(page, /^Delete/) },
  {
    page: 'overlays',
    state: 'search',
    path: '/chat',
    as: 'full',
    open: async (page) => {
      await openSidebar(page);
      await page.locator('#sidebar input[type=search]').fill('tides');
      await page.locator('#conversation-results a').first().waitFor();
    },
  },

  { page: 'components', state: 'page', path: '/components' },
  { page: 'docs', state: 'page', path: '/api/docs' },
  { page: 'share', state: 'shared', path: (paths) => paths.shared },
  ...everyLocale({ page: 'errors', state: 'not found', path: '/nowhere', status: 404 }),
  { page: 'errors', state: 'share not there', path: '/share/gone', status: 404 },
];
