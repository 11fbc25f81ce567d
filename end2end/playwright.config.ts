// The release build, as a user meets it, against the model inside it and a scripted upstream.
import { defineConfig } from '@playwright/test';

// Below the ports that connections are given (32768 and above), of which one would be taken now and then.
const site = Number(process.env.E2E_PORT ?? 24110);
const upstream = site + 1;
// As paypal.mjs knows them.
const PAYPAL = { id: 'scripted-client', secret: 'scripted-secret', webhook: '5GP028458E2496506' };

// As tests/fixtures/oidc_provider.mjs knows them.
const OIDC = { id: 'tessera & friends', secret: 'hush: 100% secret+' };

const server = (port: number, data: string, variables: Record<string, string>) => ({
  command: `rm -rf end2end/test-results/${data} && exec target/release/tessera`,
  cwd: '..',
  url: `http://127.0.0.1:${port}/healthz`,
  reuseExistingServer: false,
  gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 5_000 },
  env: {
    SITE_ADDR: `127.0.0.1:${port}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    DATA_DIR: `end2end/test-results/${data}`,
    CHAT_PROVIDERS: 'openai,local',
    OPENAI_BASE_URL: `http://127.0.0.1:${upstream}/v1`,
    OPENAI_MODEL: 'scripted',
    RATE_LIMIT_PER_MINUTE: '1000',
    // Tests ask the same again and again.
    CHAT_CACHE: 'off',
    RUST_LOG: 'warn',
    // Who registers these is an admin.
    ADMIN_EMAILS: 'books-1@example.org,books-2@example.org',
    ...variables,
  },
});

export default defineConfig({
  testDir: '.',
  outputDir: 'test-results',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  // Two cores: the model, the browser and the tests share them.
  workers: 1,
  // What passes only when run again is listed as flaky: a race to be found, but no reason to send the rest back.
  retries: 1,
  reporter: [['list']],
  use: {
    baseURL: `http://127.0.0.1:${site}`,
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.TESSERA_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: [
    {
      command: `node upstream.mjs ${upstream}`,
      url: `http://127.0.0.1:${upstream}/healthz`,
      reuseExistingServer: false,
    },
    server(site, 'data', {}),
    // Who signs people in besides us.
    {
      // It looks there for its package.
      command: `NODE_PATH=node_modules exec node ../tests/fixtures/oidc_provider.mjs http://127.0.0.1:${site + 2}/sign-in/example/callback ${site + 6}`,
      url: `http://127.0.0.1:${site + 6}/.well-known/openid-configuration`,
      reuseExistingServer: false,
    },
    // For conversations that are longer than ten credits, and for those who come by another provider.
    server(site + 2, 'rich', {
      FREE_CREDITS: '100',
      OIDC_EXAMPLE_ISSUER: `http://127.0.0.1:${site + 6}`,
      OIDC_EXAMPLE_CLIENT_ID: OIDC.id,
      OIDC_EXAMPLE_CLIENT_SECRET: OIDC.secret,
      OIDC_EXAMPLE_LABEL: 'Example ID',
    }),
    // Who signs people in in the place of our own accounts.
    { command: `node clerk.mjs ${site + 7} http://127.0.0.1:${site + 8}`, url: `http://127.0.0.1:${site + 7}/healthz`, reuseExistingServer: false },
    server(site + 8, 'clerk', {
      CLERK_PUBLISHABLE_KEY: `pk_test_${Buffer.from(`127.0.0.1:${site + 7}$`).toString('base64')}`,
      CLERK_SECRET_KEY: 'sk_test_scripted',
      CLERK_API_URL: `http://localhost:${site + 7}`,
      CLERK_FRONTEND_URL: `http://localhost:${site + 7}`,
      CLERK_ACCOUNTS_URL: `http://localhost:${site + 7}`,
    }),
    // Many models, in a file.
    {
      ...server(site + 9, 'models', { PROVIDERS_FILE: 'end2end/test-results/providers.toml' }),
      command: `rm -rf end2end/test-results/models && mkdir -p end2end/test-results && sed s,UPSTREAM,http://127.0.0.1:${upstream}, end2end/models.toml > end2end/test-results/providers.toml && exec target/release/tessera`,
    },
    // Passkeys need a name.
    server(site + 5, 'named', { PUBLIC_URL: `http://localhost:${site + 5}` }),
    // Where credits are sold, at a scripted PayPal.
    { command: `node paypal.mjs ${site + 4}`, url: `http://127.0.0.1:${site + 4}/healthz`, reuseExistingServer: false },
    server(site + 3, 'shop', {
      FREE_CREDITS: '1',
      PAYPAL_CLIENT_ID: PAYPAL.id,
      PAYPAL_CLIENT_SECRET: PAYPAL.secret,
      PAYPAL_WEBHOOK_ID: PAYPAL.webhook,
      PAYPAL_WEBHOOK_CHECK: 'postback',
      PAYPAL_BASE_URL: `http://127.0.0.1:${site + 4}`,
    }),
    // The same, where something is given besides.
    server(site + 10, 'giving', {
      FREE_CREDITS: '1',
      PACKS_FILE: 'end2end/packs.toml',
      PAYPAL_CLIENT_ID: PAYPAL.id,
      PAYPAL_CLIENT_SECRET: PAYPAL.secret,
      PAYPAL_WEBHOOK_ID: PAYPAL.webhook,
      PAYPAL_WEBHOOK_CHECK: 'postback',
      PAYPAL_BASE_URL: `http://127.0.0.1:${site + 4}`,
    }),
  ],
});
