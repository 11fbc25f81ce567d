//! What of a request can be seen to be wrong before anything is done for it.

use std::str::FromStr;
use std::sync::Arc;

use crate::chat::server::Chat;
use crate::chat::server::providers::GuardedProvider;
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};

pub(super) fn check_message(chat: &Chat, message: &str, asked: Option<&Arc<GuardedProvider>>) -> AppResult<String> {
    let text = message.trim();
    if text.is_empty() {
        return Err(AppError::invalid("message", t(Text::WriteAMessageFirst)));
    }
    if let Some(asked) = asked {
        chat.check_length(text, &chat.usual_offer(asked))?;
    }
    Ok(text.to_owned())
}

/// That something at this price costs no more than the caller wants to pay.
pub fn check_maximum(price: Amount, most: Option<Amount>) -> AppResult<()> {
    match most {
        Some(most) if most < price => {
            let problem = fill(Text::MaximumTooLow, &[("least", &price.as_price())]);
            Err(AppError::invalid("maxCredits", problem))
        }
        _ => Ok(()),
    }
}

pub fn parse_id<Id: FromStr>(field: &str, id: Option<&str>) -> AppResult<Option<Id>> {
    id.map(|id| id.parse().map_err(|_| AppError::invalid(field, "This is not an id."))).transpose()
}
