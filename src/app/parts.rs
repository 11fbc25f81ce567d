//! What handlers take of the state: the feature that they belong to.

use axum::extract::FromRef;

use super::state::AppState;
use crate::account::server::Account;
use crate::admin::server::{Admin, FlagPanel};
use crate::api_docs::api::ApiDocs;
use crate::bookkeeping::server::Bookkeeping;
use crate::chat::server::Chat;
use crate::credits::server::Credits;
use crate::document::app_page::Pages;
use crate::images::server::Images;
use crate::landing::server::Landing;
use crate::leaving::server::Leaving;
use crate::openai_api::responses::Responses;
use crate::payments::server::Payments;
use crate::payments::server::papers::Papers;
use crate::payments::server::storefront::Storefront;
use crate::platform::site::Site;

impl FromRef<AppState> for Site {
    fn from_ref(state: &AppState) -> Self {
        state.site.clone()
    }
}

impl FromRef<AppState> for Account {
    fn from_ref(state: &AppState) -> Self {
        state.account.clone()
    }
}

impl FromRef<AppState> for Credits {
    fn from_ref(state: &AppState) -> Self {
        state.credits.clone()
    }
}

impl FromRef<AppState> for Images {
    fn from_ref(state: &AppState) -> Self {
        state.images.clone()
    }
}

impl FromRef<AppState> for Chat {
    fn from_ref(state: &AppState) -> Self {
        state.chat.clone()
    }
}

impl FromRef<AppState> for Responses {
    fn from_ref(state: &AppState) -> Self {
        Self { chat: state.chat.clone(), store: state.stores.responses.clone() }
    }
}

impl FromRef<AppState> for Payments {
    fn from_ref(state: &AppState) -> Self {
        state.payments.clone()
    }
}

impl FromRef<AppState> for Leaving {
    fn from_ref(state: &AppState) -> Self {
        state.leaving.clone()
    }
}

impl FromRef<AppState> for Admin {
    fn from_ref(state: &AppState) -> Self {
        state.admin.clone()
    }
}

impl FromRef<AppState> for Bookkeeping {
    fn from_ref(state: &AppState) -> Self {
        state.bookkeeping.clone()
    }
}

impl FromRef<AppState> for Papers {
    fn from_ref(state: &AppState) -> Self {
        state.payments.papers.clone()
    }
}

impl FromRef<AppState> for Storefront {
    fn from_ref(state: &AppState) -> Self {
        Self {
            payments: state.payments.clone(),
            credits: state.credits.clone(),
            chat: state.chat.clone(),
            images: state.images.clone(),
        }
    }
}

impl FromRef<AppState> for FlagPanel {
    fn from_ref(state: &AppState) -> Self {
        Self { flags: state.generation.flags.clone(), accounts: state.stores.accounts.clone() }
    }
}

impl FromRef<AppState> for Landing {
    fn from_ref(state: &AppState) -> Self {
        state.landing.clone()
    }
}

impl FromRef<AppState> for ApiDocs {
    fn from_ref(state: &AppState) -> Self {
        state.api_docs.clone()
    }
}

impl FromRef<AppState> for Pages {
    fn from_ref(state: &AppState) -> Self {
        Self { site: state.site.clone(), account: state.account.clone(), chat: state.chat.clone() }
    }
}
