//! What people are told beside the composer, once half of a budget of theirs is spent.

use super::Chat;
use crate::account::server::budgets::notice_of;
use crate::account::server::caller::Caller;
use crate::credits::Period;
use crate::i18n::{Text, fill, t};
use crate::platform::error::AppResult;

impl Chat {
    /// How much is spent of the budget that is nearest to its end, of those that concern what is sent from the page, as a step
    /// (50, 80, 100); `None` while less than half is spent.
    pub(super) async fn find_budget_notice(&self, caller: &Caller) -> AppResult<Option<String>> {
        let (credits, user) = (&self.generation.credits, caller.id);
        let plan = match &caller.known {
            Some(known) => known.budgets.clone(),
            None => credits.budgets(user.into(), user).await?,
        };
        if plan.budgets.iter().all(|budget| budget.key.is_some()) {
            return Ok(None);
        }
        let spending = credits.spending(user.into()).await?;
        let states = plan.state(&spending, self.generation.database.now())?;
        let own = states.into_iter().filter(|(budget, ..)| budget.key.is_none());
        let notices = own.filter_map(|(budget, spent, _)| Some((notice_of(spent, budget.most)?, budget)));
        let Some((percent, budget)) = notices.max_by_key(|(percent, _)| *percent) else { return Ok(None) };
        let text = match budget.period {
            Period::Day => Text::DayBudgetUsed,
            Period::Week => Text::WeekBudgetUsed,
            Period::Month => Text::MonthBudgetUsed,
        };
        let mut told = fill(text, &[("percent", &percent.to_string())]);
        if let Some(model) = budget.model {
            told.push_str(" (");
            told.push_str(t(Text::OfModel));
            told.push(' ');
            told.push_str(&model);
            told.push(')');
        }
        Ok(Some(told))
    }
}
