//! Whom to ask for credits, until they can be bought: HTML of the server, which the browser finds in a template.

use leptos::prelude::*;

use crate::i18n::{Text, fill, t};
use crate::layout::use_workspace;
use crate::platform::browser::navigation::use_navigation;
use crate::platform::query::parameter;
use crate::ui::{Button, Card, template_html};

/// Where the browser finds it.
const TEMPLATE_ID: &str = "more-credits";

/// The text, with a link to the operator where one is known. On the server alone.
fn html_on_server() -> String {
    let contact = use_workspace().facts.read_value().operator_contact.clone();
    let text = match contact {
        None => t(Text::AskTheOperator).to_owned(),
        // Neither has anything in it that is special in HTML but `&` (platform/site.rs).
        Some(contact) => {
            let contact = contact.replace('&', "&amp;");
            let scheme = if contact.contains("://") { "" } else { "mailto:" };
            let link = format!(
                "<a class='font-medium break-words text-accent underline' href='{scheme}{contact}'>{contact}</a>"
            );
            fill(Text::WriteToTheOperator, &[("contact", &link)])
        }
    };
    format!("<h2 class='text-lg font-semibold'>{}</h2><p class='mt-1 text-ink-soft'>{text}</p>", t(Text::MoreCredits))
}

/// What the browser needs of this later; only the server makes it.
#[component]
pub fn WayOnTemplate() -> impl IntoView {
    view! { <template id=TEMPLATE_ID inner_html=Some(html_on_server())></template> }
}

/// Whom to ask, and the way back to what could not be sent.
#[component]
pub fn WayOn() -> impl IntoView {
    let html = if cfg!(target_arch = "wasm32") { template_html(TEMPLATE_ID) } else { html_on_server() };
    let from = parameter(&use_navigation().address.read_untracked(), "from");
    let from = from.filter(|from| from.starts_with("/chat") || from.starts_with("/images"));
    view! {
        <Card class="flex flex-wrap items-center justify-between gap-4 p-6">
            <div class="min-w-0" inner_html=Some(html)></div>
            {from.map(|href| view! { <Button href label=t(Text::BackToYourText) /> })}
        </Card>
    }
}
