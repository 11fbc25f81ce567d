//! The document's title, the same on the server and after each navigation. `leptos_meta` would cost 4.5 KB for it.

use crate::chat::ConversationSummary;
use crate::i18n::t;
use crate::routes::find_route;

/// The title of the app page at `path`.
#[must_use]
pub fn page_title(path: &str, conversations: &[ConversationSummary]) -> String {
    let known = path.strip_prefix("/chat/").and_then(|id| conversations.iter().find(|known| known.id == id));
    let name = match known {
        Some(conversation) => &conversation.title,
        None => find_route(path).map_or("", |route| t(route.title)),
    };
    format!("{name} · Tessera")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_called_by_its_title() {
        let (id, title) = ("1".to_owned(), "Byzantine glass".to_owned());
        let known = ConversationSummary { id, title, ..ConversationSummary::default() };
        let known = std::slice::from_ref(&known);
        assert_eq!(page_title("/chat/1", known), "Byzantine glass · Tessera");
        assert_eq!(page_title("/chat/2", known), "Chat · Tessera");
        assert_eq!(page_title("/chat", known), "New chat · Tessera");
        assert_eq!(page_title("/images", known), "Images · Tessera");
        assert_eq!(page_title("/images/1", known), "Image · Tessera");
        assert_eq!(page_title("/dashboard", known), "Credits · Tessera");
    }
}
