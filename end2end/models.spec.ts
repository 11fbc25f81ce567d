// Many models, from a file: they are searched, picked by keyboard, kept with their conversation, and asked again.
import { expect, expectAccessible, expectNoOverflow, hydrated, lastAnswer, newEmail, PASSWORD, send, signUp, test } from './fixtures';

const site = Number(process.env.E2E_PORT ?? 24110);
test.use({ baseURL: `http://127.0.0.1:${site + 9}` });

test.beforeEach(async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
});

test('models say what they can, are searched, and the choice stays with the conversation', async ({ page }) => {
  await signUp(page);
  await hydrated(page);
  const button = page.getByRole('button', { name: /^Model:/ });
  await button.click();
  const models = page.getByRole('radiogroup', { name: 'Model' });
  // Those that the page came with, and the rest of them.
  await expect(models.getByRole('radio')).toHaveCount(18);
  await expect(models).toContainText('meta/large · 1 credit · 128,000-token context · sees images · thinks · calls tools');
  await expect(models.getByRole('radio', { name: 'Fast' })).toBeVisible();
  const search = page.getByRole('searchbox', { name: 'Find a model' });
  await search.fill('model-14');
  await expect(models.getByRole('radio')).toHaveCount(1);
  await expectNoOverflow(page);
  await expectAccessible(page);
  await search.press('Enter');
  await expect(models).toBeHidden();
  await expect(button).toHaveText(/model-14/);
  const asked = page.waitForRequest('**/api/chat');
  await send(page, 'Say hello. #tokens=1');
  expect((await asked).postDataJSON().provider).toBe('router/model-14');
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText('model-14');
  const first = page.url();

  await page.goto('/chat');
  await hydrated(page);
  await expect(button).toHaveText(/model-14/);
  await button.click();
  await page.getByRole('radio', { name: 'Large', exact: true }).focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await expect(button).toHaveText(/Large/);
  await send(page, 'And again. #tokens=1');
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText('meta/large');

  // Each conversation goes on with its own.
  await page.goto(first);
  await hydrated(page);
  await expect(button).toHaveText(/model-14/);
  await button.click();
  await expect(page.getByRole('radio', { name: 'model-14', exact: true })).toBeChecked();
});

test('how much a model thinks is picked where it thinks, and kept', async ({ page }) => {
  await signUp(page);
  await hydrated(page);
  const button = page.getByRole('button', { name: /^Model:/ });
  const models = page.getByRole('radiogroup', { name: 'Model' });
  const efforts = page.getByRole('radiogroup', { name: 'Thinking effort' });
  await button.click();
  await expect(models).toBeVisible();
  await expect(efforts).toBeHidden();
  await models.getByRole('radio', { name: 'Large', exact: true }).check();
  // It stays open for that.
  await expect(efforts.getByRole('radio', { name: 'Default' })).toBeChecked();
  await expectNoOverflow(page);
  await expectAccessible(page);
  await efforts.getByText('High').click();
  await expect(models).toBeHidden();
  await expect(button).toHaveText(/Large · High/);
  const asked = page.waitForRequest('**/api/chat');
  await send(page, 'Say hello. #tokens=1');
  expect((await asked).postDataJSON().provider).toBe('router/meta/large@high');
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText('meta/large');
  await page.reload();
  await hydrated(page);
  await expect(button).toHaveText(/Large · High/);
  await button.click();
  await expect(efforts.getByRole('radio', { name: 'High' })).toBeChecked();
  // Another model does not think.
  await models.getByRole('radio', { name: 'Small', exact: true }).check();
  await expect(models).toBeHidden();
  await expect(button).toHaveText(/Small$/);
});

test('the last question is asked again of another model', async ({ page }) => {
  await signUp(page);
  await send(page, 'Say hello. #tokens=1');
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText('meta/large');
  await page.getByRole('button', { name: 'Ask another model' }).click();
  const asked = page.waitForRequest('**/api/chat');
  await page.locator('#again').getByRole('button', { name: /^Fast/ }).click();
  expect((await asked).postDataJSON().provider).toBe('fast');
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText('small');
  // All of them, also those that the page did not come with.
  await page.getByRole('button', { name: 'Ask another model' }).click();
  const others = page.locator('#again').getByRole('button');
  await expect(others).toHaveCount(17);
  await page.locator('#again').getByRole('searchbox').fill('model-14');
  await expect(others).toHaveCount(1);
  await expectNoOverflow(page);
  await expectAccessible(page);
  const next = page.waitForRequest('**/api/chat');
  await others.click();
  expect((await next).postDataJSON().provider).toBe('router/model-14');
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText('model-14');
});

test.describe('in Chinese', () => {
  test.use({ locale: 'zh-CN' });

  test('the picker is in the language of the page', async ({ page }) => {
    await page.request.post('/api/auth/register', { data: { email: newEmail(), password: PASSWORD, name: 'Ada' } });
    await page.goto('/chat');
    await hydrated(page);
    await page.locator('[popovertarget=providers]').click();
    await expect(page.getByRole('searchbox', { name: '查找模型' })).toBeVisible();
    await expect(page.getByRole('radiogroup')).toContainText('能看图 · 会思考 · 会调用工具');
    await expectNoOverflow(page);
  });
});
