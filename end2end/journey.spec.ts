import { expect, expectComplaints, hydrated, lastAnswer, pick, send, signUp, test } from './fixtures';

test('from signing up to a streamed answer of the model inside the server', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('link', { name: /free credits|Sign up|Start/ }).first().click();
  await page.waitForURL('**/sign-up**');
  await signUp(page);
  await hydrated(page);
  await expect(page.getByText('10 credits').first()).toBeVisible();
  await pick(page, 'Local');
  const started = Date.now();
  await send(page, 'What is the capital of France?');
  await expect(lastAnswer(page)).toContainText('Paris', { timeout: 30_000 });
  console.log(`first answer with Paris after ${Date.now() - started} ms`);
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete', { timeout: 30_000 });
  await expect(lastAnswer(page)).toContainText('1 credit');
  await expect(lastAnswer(page)).toContainText('Local');
  await expect(page).toHaveURL(/\/chat\/[0-9a-f-]{36}$/);
  await expect(page.getByText('9 credits').first()).toBeVisible();
  await expect(page.getByRole('link', { name: 'What is the capital of France?' }).first()).toBeVisible();

  // Without a reload to the dashboard: the charge is there.
  await page.evaluate(() => Object.assign(window, { stayed: true }));
  await page.getByRole('button', { name: /account/i }).click();
  await page.getByText('Credits and activity').click();
  await page.waitForURL('**/dashboard');
  await expect(page.getByRole('table')).toContainText('Answer');
  expect(await page.evaluate(() => 'stayed' in window)).toBe(true);
  await page.goBack();
  await expect(lastAnswer(page)).toContainText('Paris');
});

test('signing out and in again leads back to the page that was asked for', async ({ page, complaints }) => {
  const email = await signUp(page);
  await hydrated(page);
  await page.getByRole('button', { name: /account/i }).click();
  await page.getByText('Sign out').click();
  await page.waitForURL(/127\.0\.0\.1:\d+\/$/);
  await page.goto('/dashboard');
  await page.waitForURL('**/sign-in?next=%2Fdashboard');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill('wrong horse');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('Incorrect email or password.')).toBeVisible();
  await expect(page.getByLabel('Email')).toHaveValue(email);
  expectComplaints(complaints, /status of 401/);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/dashboard');
});
