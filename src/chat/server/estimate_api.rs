//! `POST /api/chat/estimate`: what a message is going to cost.

use std::fmt;

use axum::extract::State;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Chat;
use super::attachments::MOST;
use crate::account::server::Account;
use crate::account::server::caller::{READ, SPEND, Scoped};
use crate::api_docs::Refusal;
use crate::chat::{Estimate, EstimateRequest};
use crate::platform::http::envelope::{Answer, ApiError, ApiResult, Envelope, JsonBody, read_json};
use crate::platform::http::uploads::on_bytes;

/// How many there are, told as a number or by a list of them.
#[derive(Debug, Default)]
struct HowMany(usize);

impl<'de> Deserialize<'de> for HowMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Told;

        impl<'de> Visitor<'de> for Told {
            type Value = HowMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of images, or a list of them")
            }

            fn visit_u64<E>(self, number: u64) -> Result<HowMany, E> {
                Ok(HowMany(usize::try_from(number).unwrap_or(usize::MAX)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<HowMany, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(HowMany(count))
            }
        }

        deserializer.deserialize_any(Told)
    }
}

/// Estimate the cost of a message.
///
/// Nothing is sent, held or charged. `most` is never exceeded if you send it as `maxCredits` with the message. `context` says
/// how full the model's window would be, and with what. Limited like reading, not like spending.
#[utoipa::path(post, path = "/api/chat/estimate", operation_id = "estimate_message", tag = "Chat",
    request_body(content = EstimateRequest, example = json!({"message": "What is a tessera?"})),
    responses((status = 200, description = "What it would cost.", body = Envelope<Estimate>), Refusal::<404>, Refusal::<429>))]
pub(super) async fn estimate(
    State(chat): State<Chat>,
    State(account): State<Account>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    JsonBody { bytes, permit }: JsonBody,
) -> ApiResult<Estimate> {
    caller.count_reading(&account).await?;
    let request = on_bytes(bytes.len(), move || read_json::<EstimateRequest<HowMany>>(&bytes)).await??;
    let EstimateRequest { message, provider, model, conversation_id, replaces, system_prompt, images } = request;
    let HowMany(images) = images;
    // More are refused when they are sent.
    let images = images.min(MOST);
    let request = EstimateRequest { message, provider, model, conversation_id, replaces, system_prompt, images };
    let estimate = chat.estimate(&caller, request).await.map_err(ApiError);
    drop(permit);
    Ok(Answer(estimate?))
}
