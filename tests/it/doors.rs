//! Every route, by who asks, and by where the request comes from. The routes are those of the router: a new one needs a row here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tessera::account::Scope;
use tessera::account::server::keys::KEY_PREFIX;
use tessera::account::server::plans::Period;
use tessera::account::server::store::StoredKey;
use tessera::app::{features, people, router};
use tessera::platform::db::now_millis;
use tessera::platform::ids::ApiKeyId;
use tessera::platform::secret::{hash_secret, new_secret};
use tessera::routes::{Access, ROUTES};
use uuid::Uuid;

use crate::support::{PASSWORD, PNG_URL, TestApp, User, answer};

/// Who asks, in the order of the columns.
const ROLES: [&str; 6] = ["nobody", "its owner", "another user", "a key to spend", "a key to read", "a key to manage"];

/// Others, who are told what somebody else is: the column of [`ROLES`], unless [`FOR_ADMINS`] says otherwise.
const OTHERS: [(&str, usize); 3] = [("a subscriber", 2), ("an admin", 2), ("somebody disabled", 0)];

/// What admins are told, where everybody else is refused.
const FOR_ADMINS: &[(&str, &str, u16)] = &[
    ("GET", "/api/admin/users", 200),
    ("GET", "/api/admin/users/{id}", 200),
    ("PATCH", "/api/admin/users/{id}", 200),
    ("POST", "/api/admin/users/{id}/credits", 200),
    ("DELETE", "/api/admin/users/{id}/sessions", 200),
    ("GET", "/api/admin/flags", 200),
    ("PUT", "/api/admin/flags/{name}", 200),
    ("PUT", "/api/admin/announcement", 200),
    // Another address was typed, and there is no archive.
    ("DELETE", "/api/admin/users/{id}", 400),
    ("POST", "/api/admin/users/{id}/export", 202),
    ("GET", "/api/admin/users/{id}/export", 200),
    ("GET", "/api/admin/users/{id}/export/download", 404),
    ("PUT", "/api/admin/users/{id}/budgets", 200),
    ("GET", "/api/admin/audit", 200),
    ("GET", "/api/admin/stats", 200),
    ("GET", "/api/admin/costs", 200),
    ("GET", "/api/admin/attempts", 200),
    ("GET", "/api/admin/prices", 200),
    ("POST", "/api/admin/codes", 200),
    ("GET", "/admin", 200),
    ("GET", "/admin/costs", 200),
    ("GET", "/admin/costs/attempts", 200),
    ("GET", "/admin/prices", 200),
    ("GET", "/admin/codes", 200),
    ("POST", "/admin/codes", 404),
    ("GET", "/admin/ledger", 200),
    ("GET", "/api/admin/traces/{id}", 404),
    ("POST", "/api/admin/traces/{id}/goodwill", 404),
    ("GET", "/api/admin/payments/{id}/refund", 404),
    ("POST", "/api/admin/payments/{id}/refund", 404),
    ("GET", "/api/admin/log-level", 200),
    ("PUT", "/api/admin/log-level", 200),
    ("GET", "/api/admin/reconciliation", 200),
    ("POST", "/api/admin/reconciliation/run", 202),
    ("GET", "/api/admin/closes", 200),
    ("GET", "/admin/users", 200),
    ("GET", "/admin/users/{id}", 200),
    ("POST", "/admin/users/{id}", 303),
    ("POST", "/admin/views", 303),
    ("GET", "/admin/flags", 200),
    ("POST", "/admin/flags", 303),
    ("GET", "/admin/audit", 200),
    ("GET", "/admin/traces", 200),
    ("GET", "/admin/traces/{id}", 404),
    ("POST", "/admin/traces/{id}", 404),
    ("GET", "/admin/operations", 200),
    ("POST", "/admin/operations", 303),
    ("GET", "/admin/reconciliation", 200),
    ("POST", "/admin/reconciliation", 303),
    ("GET", "/admin/closes", 200),
];

/// What a row needs to be there, made anew for every request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    Nothing,
    Conversation,
    Message,
    Attachment,
    Image,
    Key,
    Share,
    /// Somebody whose session may end.
    Session,
    /// Somebody else.
    Person,
    /// A response of `/v1`.
    Response,
    /// This, in the place of the parameter.
    Named(&'static str),
}
use Thing::{Attachment, Conversation, Image, Key, Message, Named, Nothing, Person, Response, Session, Share};

/// A form, or JSON.
#[derive(Clone, Copy)]
pub enum Sent {
    None,
    Json(&'static str),
    Form(&'static str),
}
use Sent::{Form, Json, None as Bare};

/// Method, path, what is there, what is sent; and the status for each of [`ROLES`]. An expired key is nobody's, so it has no
/// column.
pub type Row = (&'static str, &'static str, Thing, Sent, [u16; 6]);

const ASK: Sent = Json(r#"{"message":"Hello"}"#);
const ASK_V1: Sent = Json(r#"{"model":"tessera","messages":[{"role":"user","content":"Hello"}]}"#);
const ASK_MESSAGES: Sent =
    Json(r#"{"model":"tessera","max_tokens":50,"messages":[{"role":"user","content":"Hello"}]}"#);
const EMBED: Sent = Json(r#"{"model":"fake-embedding","input":"Hello"}"#);
const ASK_RESPONSES: Sent = Json(r#"{"model":"tessera","input":"Hello"}"#);
/// The shape with the fewest pixels.
const PAINT: Sent = Json(r#"{"prompt":"a fox","aspectRatio":"21:9"}"#);
const PAINT_V1: Sent = Json(r#"{"prompt":"a fox","size":"1536x640"}"#);

#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    // Accounts.
    ("POST", "/api/auth/register", Session, Json(r#"{"email":"{fresh}","password":"correct horse battery"}"#), [201; 6]),
    // A link that makes no account: those that do are tests of their own.
    ("POST", "/api/auth/register/confirm", Nothing, Json(r#"{"token":"none","password":"correct horse battery"}"#), [400; 6]),
    ("POST", "/api/auth/login", Session, Json(r#"{"email":"{owner}","password":"correct horse battery"}"#), [200; 6]),
    ("POST", "/api/auth/logout", Session, Bare, [200; 6]),
    ("GET", "/api/auth/me", Nothing, Bare, [401, 200, 200, 200, 200, 200]),
    // Nobody has taken the first step of two.
    ("POST", "/api/auth/second-step", Nothing, Json(r#"{"code":"123456"}"#), [401; 6]),
    ("POST", "/api/auth/second-step/passkey", Nothing, Json(r#"{"ceremony":"none","credential":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA","userHandle":null}}}"#), [401; 6]),
    ("GET", "/api/account/second-factor", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    // Links that open nothing.
    ("POST", "/api/auth/reset-password", Nothing, Json(r#"{"email":"{fresh}"}"#), [200; 6]),
    ("POST", "/api/auth/reset-password/confirm", Nothing, Json(r#"{"token":"none","password":"correct horse battery"}"#), [400; 6]),
    ("POST", "/api/auth/sign-in-link", Nothing, Json(r#"{"email":"{fresh}"}"#), [200; 6]),
    ("POST", "/api/auth/sign-in-link/confirm", Nothing, Json(r#"{"token":"none"}"#), [400; 6]),
    ("POST", "/api/auth/verify-email", Nothing, Json(r#"{"token":"none"}"#), [400; 6]),
    ("POST", "/api/account/verify-email", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    ("POST", "/api/account/email", Nothing, Json(r#"{"email":"{fresh}","currentPassword":"correct horse battery"}"#), [401, 200, 200, 403, 403, 403]),
    ("GET", "/api/account/keys", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    ("GET", "/api/account/budgets", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    ("PUT", "/api/account/budgets", Nothing, Json(r#"{"budgets":[]}"#), [401, 200, 200, 403, 403, 403]),
    ("POST", "/api/account/keys", Nothing, Json(r#"{"name":"another"}"#), [401, 201, 201, 403, 403, 403]),
    ("DELETE", "/api/account/keys/{id}", Key, Bare, [401, 200, 404, 403, 403, 403]),
    ("POST", "/api/auth/passkey/options", Nothing, Bare, [200; 6]),
    // Ceremonies that nobody has begun. Those that somebody has are tests of their own.
    ("POST", "/api/auth/passkey", Nothing, Json(r#"{"ceremony":"none","credential":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA","userHandle":null}}}"#), [400; 6]),
    ("GET", "/api/account/passkeys", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    ("POST", "/api/account/passkeys", Nothing, Json(r#"{"ceremony":"none","credential":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","attestationObject":"AA"}}}"#), [401, 400, 400, 403, 403, 403]),
    ("POST", "/api/account/passkeys/options", Nothing, Json("{}"), [401, 200, 200, 403, 403, 403]),
    ("PATCH", "/api/account/passkeys/{id}", Named("01939b7e-0000-7000-8000-0123456789ab"), Json(r#"{"name":"Laptop"}"#), [401, 404, 404, 403, 403, 403]),
    ("DELETE", "/api/account/passkeys/{id}", Named("01939b7e-0000-7000-8000-0123456789ab"), Bare, [401, 404, 404, 403, 403, 403]),
    ("GET", "/api/account/sessions", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    ("DELETE", "/api/account/sessions", Session, Bare, [401, 200, 200, 403, 403, 403]),
    ("DELETE", "/api/account/sessions/{id}", Named("01939b7e-0000-7000-8000-0123456789ab"), Bare, [401, 404, 404, 403, 403, 403]),
    ("POST", "/api/account/password", Session, Json(r#"{"currentPassword":"correct horse battery","newPassword":"staple of another horse"}"#), [401, 200, 200, 403, 403, 403]),
    // That of nobody here.
    ("GET", "/api/account/avatar/{id}", Named("01939b7e-0000-7000-8000-0123456789ab"), Bare, [401, 404, 404, 403, 403, 403]),
    ("PUT", "/api/account/avatar", Nothing, Json(r#"{"image":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}"#), [401, 200, 200, 403, 403, 403]),
    ("DELETE", "/api/account/avatar", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    ("POST", "/api/account/export", Session, Bare, [401, 202, 202, 403, 403, 403]),
    ("GET", "/api/account/export", Nothing, Bare, [401, 200, 200, 403, 403, 403]),
    // There is none. One's own is downloaded in tests of their own, and so are erasures followed.
    ("GET", "/api/account/export/download", Session, Bare, [401, 404, 404, 403, 403, 403]),
    ("DELETE", "/api/account", Session, Json(r#"{"email":"{own}"}"#), [401, 202, 202, 403, 403, 403]),
    ("GET", "/api/account/erasure/{token}", Named("none"), Bare, [404; 6]),
    // Chat.
    ("POST", "/api/chat", Nothing, ASK, [401, 200, 200, 200, 403, 403]),
    ("POST", "/api/chat/estimate", Nothing, Json(r#"{"message":"hello"}"#), [401, 200, 200, 200, 200, 403]),
    ("GET", "/api/chat/attachments/{id}", Attachment, Bare, [401, 200, 404, 200, 200, 403]),
    ("GET", "/api/chat/{id}", Message, Bare, [401, 200, 404, 200, 200, 403]),
    ("GET", "/api/chat/{id}/receipt", Message, Bare, [401, 200, 404, 200, 200, 403]),
    ("GET", "/api/chat/{id}/events", Message, Bare, [401, 200, 404, 200, 200, 403]),
    ("POST", "/api/chat/{id}/stop", Message, Bare, [401, 200, 404, 200, 403, 200]),
    ("GET", "/api/providers", Nothing, Bare, [401, 200, 200, 200, 200, 403]),
    // Conversations.
    ("GET", "/api/conversations", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    ("GET", "/api/overview", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    ("GET", "/api/conversations/{id}", Conversation, Bare, [401, 200, 404, 403, 200, 403]),
    ("PATCH", "/api/conversations/{id}", Conversation, Json(r#"{"title":"Mosaics"}"#), [401, 200, 404, 403, 403, 200]),
    ("DELETE", "/api/conversations/{id}", Conversation, Bare, [401, 200, 404, 403, 403, 200]),
    ("POST", "/api/conversations/{id}/branch", Conversation, Json(r#"{"messageId":"{message}"}"#), [401, 201, 404, 403, 403, 201]),
    ("POST", "/api/conversations/{id}/versions", Conversation, Json(r#"{"messageId":"{message}"}"#), [401, 200, 404, 403, 403, 200]),
    ("GET", "/api/conversations/{id}/export", Conversation, Bare, [401, 200, 404, 403, 200, 403]),
    ("POST", "/api/conversations/{id}/share", Conversation, Bare, [401, 200, 404, 403, 403, 200]),
    ("DELETE", "/api/conversations/{id}/share", Conversation, Bare, [401, 200, 404, 403, 403, 200]),
    // Credits.
    ("GET", "/api/credits", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    ("POST", "/api/credits/redeem", Nothing, Json(r#"{"code":"NO-SUCH-CODE"}"#), [401, 400, 400, 403, 403, 403]),
    ("GET", "/api/credits/ledger", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    // Nothing is sold on this server.
    ("POST", "/api/credits/purchase", Nothing, Json(r#"{"pack":"500"}"#), [401, 503, 503, 403, 403, 503]),
    ("POST", "/api/credits/capture", Nothing, Json(r#"{"orderId":"none"}"#), [401, 404, 404, 403, 403, 404]),
    ("POST", "/api/credits/refund", Nothing, Json(r#"{"paymentId":"01939b7e-0000-7000-8000-0123456789ab"}"#), [401, 404, 404, 403, 403, 403]),
    ("POST", "/api/credits/subscribe", Nothing, Json(r#"{"plan":"plus"}"#), [401, 503, 503, 403, 403, 403]),
    ("POST", "/api/credits/unsubscribe", Nothing, Bare, [401, 404, 404, 403, 403, 403]),
    ("GET", "/api/credits/receipts", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    ("GET", "/api/credits/receipts/{number}", Named("R2026-00001"), Bare, [401, 404, 404, 403, 404, 403]),
    // Images.
    ("GET", "/api/image", Nothing, Bare, [401, 200, 200, 200, 200, 403]),
    ("POST", "/api/image", Nothing, PAINT, [401, 202, 202, 202, 403, 403]),
    ("GET", "/api/images", Nothing, Bare, [401, 200, 200, 403, 200, 403]),
    ("POST", "/api/images/delete", Image, Json(r#"{"ids":["{id}"]}"#), [401, 200, 200, 403, 403, 200]),
    ("GET", "/api/images/{id}", Image, Bare, [401, 200, 404, 200, 200, 403]),
    ("PATCH", "/api/images/{id}", Image, Json(r#"{"favorite":true}"#), [401, 200, 404, 403, 403, 200]),
    ("DELETE", "/api/images/{id}", Image, Bare, [401, 200, 404, 403, 403, 200]),
    ("GET", "/api/images/{id}/events", Image, Bare, [401, 200, 404, 200, 200, 403]),
    ("GET", "/api/images/{id}/file", Image, Bare, [401, 200, 404, 200, 200, 403]),
    ("GET", "/api/images/{id}/thumbnail", Image, Bare, [401, 200, 404, 200, 200, 403]),
    ("POST", "/api/images/{id}/stop", Image, Bare, [401, 200, 404, 200, 403, 200]),
    // For admins.
    ("GET", "/api/admin/users", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/users/{id}", Person, Bare, [401, 403, 403, 403, 403, 403]),
    ("PATCH", "/api/admin/users/{id}", Person, Json(r#"{"status":"active"}"#), [401, 403, 403, 403, 403, 403]),
    ("POST", "/api/admin/users/{id}/credits", Person, Json(r#"{"amount":1,"reason":"why"}"#), [401, 403, 403, 403, 403, 403]),
    ("DELETE", "/api/admin/users/{id}/sessions", Person, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/flags", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    // As it is.
    ("PUT", "/api/admin/flags/{name}", Named("codes"), Json(r#"{"version":0,"state":"on"}"#), [401, 403, 403, 403, 403, 403]),
    ("PUT", "/api/admin/announcement", Nothing, Json(r#"{"version":0}"#), [401, 403, 403, 403, 403, 403]),
    ("DELETE", "/api/admin/users/{id}", Person, Json(r#"{"email":"nobody@example.org"}"#), [401, 403, 403, 403, 403, 403]),
    ("POST", "/api/admin/users/{id}/export", Person, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/users/{id}/export", Person, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/users/{id}/export/download", Person, Bare, [401, 403, 403, 403, 403, 403]),
    ("PUT", "/api/admin/users/{id}/budgets", Person, Json(r#"{"budgets":[]}"#), [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/audit", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/stats", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/costs", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/attempts", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/prices", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("POST", "/api/admin/codes", Nothing, Json(r#"{"campaign":"doors","credits":1}"#), [401, 403, 403, 403, 403, 403]),
    // Nothing is known of this request, and this purchase is nobody's. What is known is shown by tests of their own.
    ("GET", "/api/admin/traces/{id}", Named("no-request"), Bare, [401, 403, 403, 403, 403, 403]),
    ("POST", "/api/admin/traces/{id}/goodwill", Named("no-request"), Json(r#"{"reason":"why"}"#), [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/payments/{id}/refund", Named("01939b7e-0000-7000-8000-0123456789ab"), Bare, [401, 403, 403, 403, 403, 403]),
    ("POST", "/api/admin/payments/{id}/refund", Named("01939b7e-0000-7000-8000-0123456789ab"), Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/log-level", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("PUT", "/api/admin/log-level", Nothing, Json(r#"{"filter":"info"}"#), [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/reconciliation", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("POST", "/api/admin/reconciliation/run", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/api/admin/closes", Nothing, Bare, [401, 403, 403, 403, 403, 403]),
    ("GET", "/admin", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/costs", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/costs/attempts", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/prices", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/codes", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("POST", "/admin/codes", Nothing, Form("end=none"), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/ledger", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/scripts/{name}", Named("none"), Bare, [404; 6]),
    ("GET", "/admin/users", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/users/{id}", Person, Bare, [303, 403, 403, 403, 403, 403]),
    ("POST", "/admin/users/{id}", Person, Form("do=enable"), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/views", Nothing, Bare, [303; 6]),
    ("POST", "/admin/views", Nothing, Form("do=save&list=users&name=Admins&role=ADMIN"), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/flags", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("POST", "/admin/flags", Nothing, Form("do=change&flag=codes&version=0&state=on"), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/audit", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/traces", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/traces/{id}", Named("no-request"), Bare, [303, 403, 403, 403, 403, 403]),
    ("POST", "/admin/traces/{id}", Named("no-request"), Form("reason=why"), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/operations", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("POST", "/admin/operations", Nothing, Form("filter=info"), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/reconciliation", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    ("POST", "/admin/reconciliation", Nothing, Form(""), [303, 403, 403, 403, 403, 403]),
    ("GET", "/admin/closes", Nothing, Bare, [303, 403, 403, 403, 403, 403]),
    // For clients of OpenAI.
    ("GET", "/v1/models", Nothing, Bare, [401, 200, 200, 200, 200, 403]),
    ("GET", "/v1/models/{name}", Named("tessera"), Bare, [401, 200, 200, 200, 200, 403]),
    ("POST", "/v1/chat/completions", Nothing, ASK_V1, [401, 200, 200, 200, 403, 403]),
    ("POST", "/v1/images/generations", Nothing, PAINT_V1, [401, 200, 200, 200, 403, 403]),
    // This server has no embedding model.
    ("POST", "/v1/embeddings", Nothing, EMBED, [401, 404, 404, 404, 403, 403]),
    ("POST", "/v1/messages", Nothing, ASK_MESSAGES, [401, 200, 200, 200, 403, 403]),
    ("POST", "/v1/messages/count_tokens", Nothing, ASK_MESSAGES, [401, 200, 200, 200, 200, 403]),
    ("POST", "/v1/responses", Nothing, ASK_RESPONSES, [401, 200, 200, 200, 403, 403]),
    ("GET", "/v1/responses/{id}", Response, Bare, [401, 200, 404, 200, 200, 403]),
    ("DELETE", "/v1/responses/{id}", Response, Bare, [401, 200, 404, 200, 403, 200]),
    ("POST", "/v1/responses/{id}/cancel", Response, Bare, [401, 200, 404, 200, 403, 200]),
    ("GET", "/v1/responses/{id}/input_items", Response, Bare, [401, 200, 404, 200, 200, 403]),
    // Operations, and what is for everybody. This server has no webhook.
    ("GET", "/healthz", Nothing, Bare, [200; 6]),
    ("GET", "/readyz", Nothing, Bare, [200; 6]),
    ("GET", "/metrics", Nothing, Bare, [200; 6]),
    ("GET", "/api/openapi.json", Nothing, Bare, [200; 6]),
    ("GET", "/api/docs", Nothing, Bare, [200; 6]),
    ("POST", "/api/webhooks/replicate", Nothing, Json("{}"), [404; 6]),
    ("POST", "/api/webhooks/clerk", Nothing, Json("{}"), [404; 6]),
    ("POST", "/api/webhooks/paypal", Nothing, Json("{}"), [404; 6]),
    ("GET", "/robots.txt", Nothing, Bare, [200; 6]),
    ("GET", "/sitemap.xml", Nothing, Bare, [200; 6]),
    // Pages.
    ("GET", "/", Nothing, Bare, [200; 6]),
    ("GET", "/components", Nothing, Bare, [200; 6]),
    ("GET", "/share/{token}", Share, Bare, [200; 6]),
    // An image that is not shown there. That one is, is a test of its own.
    ("GET", "/share/{token}/images/{id}/{file}", Share, Bare, [404; 6]),
    ("GET", "/sign-up", Nothing, Bare, [200, 303, 303, 303, 303, 303]),
    ("GET", "/sign-in", Nothing, Bare, [200, 303, 303, 303, 303, 303]),
    ("GET", "/sign-up/{token}", Named("none"), Bare, [400; 6]),
    ("GET", "/reset-password", Nothing, Bare, [200; 6]),
    ("GET", "/reset-password/{token}", Named("none"), Bare, [400; 6]),
    ("GET", "/sign-in/link", Nothing, Bare, [200; 6]),
    ("GET", "/sign-in/link/{token}", Named("none"), Bare, [400; 6]),
    ("GET", "/verify-email/{token}", Named("none"), Bare, [400; 6]),
    ("GET", "/chat", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    ("GET", "/chat/{id}", Conversation, Bare, [303, 200, 404, 403, 200, 403]),
    ("GET", "/images", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    ("GET", "/images/{id}", Image, Bare, [303, 200, 404, 403, 200, 403]),
    ("GET", "/dashboard", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    ("GET", "/buy-credits", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    ("GET", "/buy-credits/return", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    ("GET", "/buy-credits/cancel", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    ("GET", "/buy-credits/refund", Nothing, Bare, [303, 200, 200, 403, 200, 403]),
    // A paper that nobody has. One's own is shown in tests of their own.
    ("GET", "/receipts/{number}", Named("R2026-00001"), Bare, [303, 404, 404, 403, 404, 403]),
    ("GET", "/account", Nothing, Bare, [303, 200, 200, 403, 403, 403]),
    // What pages send. Forms are for people.
    ("POST", "/fn/{name}", Named("load_dashboard"), Form(""), [401, 200, 200, 403, 200, 403]),
    ("POST", "/sign-up", Session, Form("email={fresh}&password=correct+horse+battery"), [303; 6]),
    ("POST", "/sign-in", Session, Form("email={owner}&password=correct+horse+battery"), [303; 6]),
    ("POST", "/sign-up/{token}", Named("none"), Form("password=correct+horse+battery"), [400; 6]),
    ("POST", "/reset-password", Nothing, Form("email={fresh}"), [200; 6]),
    ("POST", "/reset-password/{token}", Named("none"), Form("password=correct+horse+battery"), [400; 6]),
    ("POST", "/sign-in/link", Nothing, Form("email={fresh}"), [200; 6]),
    ("POST", "/sign-in/link/{token}", Named("none"), Form(""), [400; 6]),
    ("POST", "/verify-email/{token}", Named("none"), Form(""), [400; 6]),
    ("POST", "/account/verify-email", Nothing, Form(""), [303, 200, 200, 403, 403, 403]),
    ("POST", "/account/email", Nothing, Form("email={fresh}&currentPassword=correct+horse+battery"), [303, 200, 200, 403, 403, 403]),
    ("POST", "/account/two-steps", Nothing, Form("action=begin&currentPassword=correct+horse+battery"), [303, 200, 200, 403, 403, 403]),
    ("POST", "/account/two-steps/confirm", Nothing, Form("code=12345"), [303, 400, 400, 403, 403, 403]),
    ("GET", "/sign-in/second-step", Nothing, Bare, [303; 6]),
    ("POST", "/sign-in/second-step", Nothing, Form("code=123456"), [401; 6]),
    ("POST", "/sign-out", Session, Form(""), [303; 6]),
    ("POST", "/account/export", Session, Form(""), [303, 303, 303, 403, 403, 403]),
    ("POST", "/account/export/download", Session, Form(""), [303, 303, 303, 403, 403, 403]),
    ("GET", "/account/erase", Nothing, Bare, [303, 200, 200, 403, 403, 403]),
    ("POST", "/account/erase", Session, Form("email={own}"), [303, 303, 303, 403, 403, 403]),
    ("GET", "/erasure/{token}", Named("none"), Bare, [404; 6]),
    // Nobody else signs people in on this server.
    ("GET", "/sign-in/{name}", Named("nobody"), Bare, [303; 6]),
    ("POST", "/sign-in/{name}", Named("nobody"), Form("next=%2Fchat"), [404; 6]),
    ("GET", "/sign-in/{name}/callback", Named("nobody"), Bare, [404; 6]),
    ("GET", "/sign-in/{name}/link", Named("nobody"), Bare, [404; 6]),
    ("POST", "/account/sign-in-methods", Nothing, Form("unlink=01939b7e-0000-7000-8000-0123456789ab"), [303, 404, 404, 403, 403, 403]),
    ("GET", "/account/passkeys/new", Nothing, Bare, [303, 200, 200, 403, 403, 403]),
    ("GET", "/account/passkeys", Nothing, Bare, [303; 6]),
    ("POST", "/account/passkeys", Nothing, Form("id=01939b7e-0000-7000-8000-0123456789ab"), [303, 404, 404, 403, 403, 403]),
    ("GET", "/scripts/{name}", Named("none"), Bare, [404; 6]),
    ("POST", "/theme", Nothing, Form("theme=dark"), [303; 6]),
    ("POST", "/language", Nothing, Form("language=en"), [303; 6]),
    ("POST", "/notices", Nothing, Form("seen=none"), [303; 6]),
    // Nothing is sold on this server.
    ("POST", "/buy-credits", Nothing, Form("pack=100"), [303, 503, 503, 403, 403, 403]),
    ("POST", "/buy-credits/refund", Nothing, Form("payment=01939b7e-0000-7000-8000-0123456789ab"), [303, 404, 404, 403, 403, 403]),
    ("POST", "/dashboard", Nothing, Form("code=NO-SUCH-CODE"), [303, 400, 400, 403, 403, 403]),
    ("POST", "/account", Key, Form("revoke={id}"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/account/sessions", Session, Form("end=others"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/account/password", Session, Form("currentPassword=correct+horse+battery&newPassword=staple+of+another+horse"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/account/avatar", Nothing, Form("picture=none"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/account/avatar/remove", Nothing, Form(""), [303, 303, 303, 403, 403, 403]),
    ("POST", "/account/profile", Nothing, Form("displayName=Ada"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/chat", Nothing, Form("message=Hello"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/chat/{id}/versions", Conversation, Form("messageId={message}"), [303, 303, 404, 403, 403, 403]),
    ("POST", "/images", Nothing, Form("prompt=a+fox&aspectRatio=21%3A9"), [303, 303, 303, 403, 403, 403]),
    ("POST", "/images/{id}", Image, Form("action=favorite"), [303, 303, 404, 403, 403, 403]),
];

/// Every method and path that is served. Axum tells its paths to nobody but `Debug`, and its methods to who tries them.
pub async fn routes(app: &TestApp) -> BTreeSet<(String, String)> {
    let table = format!("{:?}", router::build(&app.state));
    let paths: BTreeSet<_> =
        table.split('"').filter(|text| text.starts_with('/') && !text.contains("__private")).collect();
    let visitor = app.visitor();
    let mut found = BTreeSet::new();
    for path in paths {
        let address = path.replace("{*", "{").replace("{id}", &Uuid::now_v7().to_string());
        let address = address.replace("{name}", "load_dashboard").replace("{token}", "none");
        let address = address.replace("{number}", "none");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let request = visitor.request(Method::from_bytes(method.as_bytes()).unwrap(), &address);
            if request.send().await.unwrap().status() != 405 {
                found.insert((method.to_owned(), path.replace("{*", "{")));
            }
        }
    }
    found
}

/// What one of [`OTHERS`] is told.
fn told_to((method, path, .., expected): &Row, role: &str) -> u16 {
    let own = FOR_ADMINS.iter().find(|row| role == "an admin" && (row.0, row.1) == (*method, *path));
    let column = OTHERS.iter().find(|(other, _)| *other == role).unwrap().1;
    own.map_or(expected[column], |(.., status)| *status)
}

pub fn row_of(method: &str, path: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| (row.0, row.1) == (method, path))
}

/// Those who ask.
pub struct Cast {
    pub owner: User,
    roles: Vec<User>,
    /// In the order of [`OTHERS`].
    others: Vec<User>,
    expired: User,
}

/// One of [`OTHERS`], new.
async fn make_other(app: &TestApp, role: &str) -> User {
    if role == "an admin" {
        return app.admin().await;
    }
    let user = app.user().await;
    if role == "a subscriber" {
        let (now, id) = (now_millis(), user.id().await.parse().unwrap());
        let period = Period {
            id: "given".into(),
            name: "Plus".into(),
            per_minute: 1000,
            from: now - 1000,
            until: now + 3_600_000,
            is_prepaid: false,
        };
        app.state.stores.plans.set_period(id, period).await.unwrap();
        assert_eq!(user.get_json("/api/auth/me").await.1["data"]["role"], "SUBSCRIBER");
    } else {
        people::disable(&app.state.stores, &user.email).await.unwrap();
    }
    user
}

impl Cast {
    pub async fn of(app: &TestApp) -> Self {
        let (owner, other) = (app.user().await, app.user().await);
        let key = async |scope: &str| owner.with_key(&json!({ "scopes": [scope] })).await;
        let roles =
            vec![app.visitor(), owner.clone(), other, key("spend").await, key("read").await, key("manage").await];
        let secret = format!("{KEY_PREFIX}{}", new_secret());
        let id = owner.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap();
        let stored = StoredKey {
            id: ApiKeyId::now_v7(),
            name: "yesterday's".into(),
            hint: "0000".into(),
            per_minute: None,
            budget: None,
            scopes: Scope::ALL.to_vec(),
            expires_at: Some(now_millis() - 1),
            created_at: now_millis() - 1000,
            last_used_at: None,
        };
        app.state.stores.accounts.create_key(hash_secret(&secret), id, stored, 20).await.unwrap();
        let mut others = Vec::new();
        for (role, _) in OTHERS {
            others.push(make_other(app, role).await);
        }
        Self { expired: User { key: Some(secret), ..owner.clone() }, owner, roles, others }
    }

    /// The request of a row, about something that was made for it.
    pub async fn request(&self, app: &TestApp, row: &Row, user: &User, role: &str) -> RequestBuilder {
        let (method, path, thing, sent, _) = row;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut user = user.clone();
        let mut message = String::new();
        let id = match thing {
            Nothing => String::new(),
            Named(name) => (*name).to_owned(),
            Conversation | Message | Share => {
                let (_, chat) = self.owner.chat("Hello").await;
                message = text(&chat["data"]["messageId"]);
                let conversation = text(&chat["data"]["conversationId"]);
                match thing {
                    Message => message.clone(),
                    Share => {
                        let path = format!("/api/conversations/{conversation}/share");
                        let (_, link) = answer(self.owner.post(&path)).await;
                        text(&link["data"]["url"]).rsplit('/').next().unwrap().to_owned()
                    }
                    _ => conversation,
                }
            }
            Attachment => {
                let body = json!({ "message": "Look", "images": [PNG_URL] });
                let (_, chat) = self.owner.post_json("/api/chat", &body).await;
                let path = format!("/api/conversations/{}", text(&chat["data"]["conversationId"]));
                text(&self.owner.get_json(&path).await.1["data"]["messages"][0]["images"][0]["id"])
            }
            Image => text(&self.owner.make_image("a fox").await.1["data"]["id"]),
            Key => {
                // There are twenty at most: those of before have served.
                let owner = self.owner.id().await.parse().unwrap();
                let accounts = &app.state.stores.accounts;
                for key in accounts.list_keys(owner).await.unwrap().into_iter().filter(|key| key.name == "one") {
                    accounts.delete_key(owner, key.id).await.unwrap();
                }
                let (_, made) = self.owner.post_json("/api/account/keys", &json!({ "name": "one" })).await;
                text(&made["data"]["id"])
            }
            Session => {
                if user.cookie.is_some() && user.key.is_none() {
                    let is_other = OTHERS.iter().any(|(other, _)| *other == role);
                    user = if is_other { make_other(app, role).await } else { app.user().await };
                }
                String::new()
            }
            Response => {
                let body = json!({ "model": "tessera", "input": "Hello" });
                text(&self.owner.post_json("/v1/responses", &body).await.1["id"])
            }
            Person => {
                let person = app.user().await;
                person.id().await
            }
        };
        let fill = |text: &str| {
            let fresh = format!("{}@example.org", Uuid::now_v7().simple());
            let text =
                text.replace("{id}", &id).replace("{token}", &id).replace("{name}", &id).replace("{number}", &id);
            let text = text.replace("{message}", &message).replace("{own}", &user.email);
            text.replace("{fresh}", &fresh).replace("{owner}", &self.owner.email)
        };
        let request = user.request(Method::from_bytes(method.as_bytes()).unwrap(), &fill(path));
        let content = "content-type";
        match sent {
            Bare => request,
            Json(body) => request.header(content, "application/json").body(fill(body)),
            Form(body) => request.header(content, "application/x-www-form-urlencoded").body(fill(body)),
        }
    }
}

/// With enough of everything for a few hundred requests.
pub async fn app() -> TestApp {
    TestApp::start_with(&[("FREE_CREDITS", "10000"), ("READ_LIMIT_PER_MINUTE", "100000")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_it_should() {
    let app = app().await;
    let cast = Cast::of(&app).await;
    let served = routes(&app).await;
    let unknown: Vec<_> = served.iter().filter(|(method, path)| row_of(method, path).is_none()).collect();
    assert!(unknown.is_empty(), "these have no row; who may ask for them? {unknown:?}");
    let mut wrong = Vec::new();
    for row in TABLE {
        let (method, path, .., expected) = row;
        assert!(served.contains(&((*method).to_owned(), (*path).to_owned())), "there is no {method} {path}");
        // To a form, a program gets what the API would answer, and not the way to the sign-in page.
        let is_form_of_people = *method == "POST" && expected[0] == 303 && expected[3] == 403;
        let expired = (&cast.expired, "an expired key", if is_form_of_people { 401 } else { expected[0] });
        let asking = cast.roles.iter().zip(ROLES).zip(expected).map(|((user, role), status)| (user, role, *status));
        let others = cast.others.iter().zip(OTHERS).map(|(user, (role, _))| (user, role, told_to(row, role)));
        for (user, role, expected) in asking.chain(others).chain([expired]) {
            let response = cast.request(&app, row, user, role).await.send().await.unwrap();
            let status = response.status().as_u16();
            // A stream ends: nothing here runs for ever.
            let body = response.text().await.unwrap();
            if status != expected {
                let body = body.chars().take(200).collect::<String>();
                wrong.push(format!("{method} {path} as {role}: {status} and not {expected}: {body}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.assert_books_balance().await;
}

/// Whoever sends a form and is signed out signs in and is shown the page of the form: what nobody can look at would be 405.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_leads_whoever_is_signed_out_to_the_page_that_it_is_on() {
    let app = app().await;
    let cast = Cast::of(&app).await;
    let admin = app.admin().await;
    let mut forms = 0;
    for row in TABLE.iter().filter(|row| row.0 == "POST" && row.4[0] == 303 && row.4[3] == 403) {
        let response = cast.request(&app, row, &app.visitor(), ROLES[0]).await.send().await.unwrap();
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let url = url::Url::parse("http://localhost").unwrap().join(&location).unwrap();
        assert_eq!(url.path(), "/sign-in", "{}", row.1);
        let (_, next) = url.query_pairs().find(|(name, _)| name == "next").unwrap();
        let reader = if row.1.starts_with("/admin") { &admin } else { &cast.owner };
        let mut page = reader.get(&next).send().await.unwrap();
        if page.status() == 303 {
            page = reader.get(page.headers()["location"].to_str().unwrap()).send().await.unwrap();
        }
        // Nothing is known of the request whose page that is.
        let expected = if row.1 == "/admin/traces/{id}" { 404 } else { 200 };
        assert_eq!(page.status(), expected, "{}: {next}", row.1);
        assert!(page.text().await.unwrap().contains("<form"), "{}: {next}", row.1);
        forms += 1;
    }
    assert!(forms >= 15, "{forms} forms");
}

/// A form that comes from elsewhere is refused on a page, which leads to one that can be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_leads_back_to_its_page() {
    let app = app().await;
    let cast = Cast::of(&app).await;
    let mut forms = 0;
    for row in TABLE.iter().filter(|row| matches!(row.3, Form(_)) && !row.1.starts_with("/fn/")) {
        let request = cast.request(&app, row, &cast.owner, ROLES[1]).await;
        let request = request.header("accept", "text/html").header("sec-fetch-site", "cross-site");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{}", row.1);
        let page = response.text().await.unwrap();
        let (before, _) = page.split_once("Back to the page").unwrap_or_else(|| panic!("{}: {page}", row.1));
        let (_, link) = before.rsplit_once("href=\"").unwrap();
        let back = link.split('"').next().unwrap();
        assert_ne!(cast.owner.get(back).send().await.unwrap().status(), 405, "{}: {back}", row.1);
        forms += 1;
    }
    assert!(forms >= 30, "{forms} forms");
}

/// `docs/SECURITY.md` has the table for people. `ROUTE_TABLE=write` writes it anew.
#[test]
fn the_table_of_the_docs_is_this_one() {
    let mut table = String::from(
        "| Route | anonymous | owner | other user | subscriber | admin | disabled | API key: spend, read, manage |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let (method, path, .., told) = row;
        let [subscriber, admin, disabled] = OTHERS.map(|(role, _)| told_to(row, role));
        let [nobody, owner, other, spend, read, manage] = told;
        writeln!(
            table,
            "| `{method} {path}` | {nobody} | {owner} | {other} | {subscriber} | {admin} | {disabled} | {spend}, {read}, {manage} |"
        )
        .unwrap();
    }
    let (begin, end) = ("<!-- routes -->\n", "<!-- end of routes -->");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SECURITY.md");
    let docs = std::fs::read_to_string(file).unwrap();
    let (before, rest) = docs.split_once(begin).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    if std::env::var("ROUTE_TABLE").is_ok_and(|wish| wish == "write") {
        std::fs::write(file, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert!(
            shown == table,
            "ROUTE_TABLE=write cargo test --features ssr the_table_of_the_docs writes it:\n{table}"
        );
    }
}

#[tokio::test]
async fn the_table_knows_what_is_described_and_every_page() {
    let app = app().await;
    let served = routes(&app).await;
    for (path, item) in &features::describe().paths.paths {
        let methods = [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
        ];
        for (method, _) in methods.iter().filter(|(_, is_there)| *is_there) {
            let path = path.replace("{*", "{");
            assert!(served.contains(&((*method).to_owned(), path.clone())), "{method} {path} is not served");
        }
    }
    for page in &ROUTES {
        let (.., expected) = row_of("GET", page.path).unwrap_or_else(|| panic!("the page {} has no row", page.path));
        let nobody = if page.access == Access::SignedIn { 303 } else { 200 };
        assert_eq!(expected[0], nobody, "{}", page.path);
    }
}

#[tokio::test]
async fn nothing_is_changed_by_what_comes_from_another_site() {
    let app = app().await;
    let user = app.user().await;
    let here = format!("http://{}", app.addr);
    let refused: Vec<Vec<(&str, &str)>> = vec![
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        vec![("sec-fetch-site", "cross-site"), ("origin", here.as_str())],
        vec![("sec-fetch-site", "CROSS-SITE")],
        vec![("sec-fetch-site", "nonsense")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "http://127.0.0.1:1")],
        vec![("origin", "http://localhost:3000.evil.example")],
        vec![("origin", "https://localhost:3000")],
        vec![("origin", "http://localhost:3001")],
        vec![("origin", "https://evil.example"), ("referer", here.as_str())],
        vec![("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")],
    ];
    let allowed: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![("sec-fetch-site", "same-origin")],
        vec![("sec-fetch-site", "none")],
        // A proxy may have changed the Host.
        vec![("origin", "http://localhost:3000")],
        vec![("origin", here.as_str())],
        vec![("referer", "https://evil.example/")],
    ];
    let visitor = app.visitor();
    let mut wrong = BTreeMap::new();
    let changing: Vec<_> = routes(&app).await.into_iter().filter(|(method, _)| method != "GET").collect();
    assert!(changing.len() >= 28, "{changing:?}");
    for (method, path) in changing {
        let address = path.replace("{id}", &Uuid::now_v7().to_string()).replace("{name}", "load_dashboard");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let send = async |user: &User, headers: &[(&str, &str)]| {
            let mut request =
                user.request(method.clone(), &address).header("content-type", "application/json").body("{}");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            answer(request).await
        };
        for headers in &refused {
            let (status, body) = send(&user, headers).await;
            // In the shape that its clients know.
            let (code, forbidden) = match path.as_str() {
                path if path.starts_with("/v1/messages") => (&body["error"]["type"], "permission_error"),
                path if path.starts_with("/v1/") => (&body["error"]["code"], "forbidden"),
                _ => (&body["code"], "forbidden"),
            };
            if (status, code.as_str()) != (403, Some(forbidden)) {
                wrong.insert(format!("{method} {path} {headers:?}"), status);
            }
        }
        for headers in &allowed {
            let (status, _) = send(&visitor, headers).await;
            if status == 403 {
                wrong.insert(format!("{method} {path} {headers:?}"), status);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Signed in as before, and nothing was asked.
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["email"], user.email);
    assert_eq!((app.upstream.calls(), user.ledger_kinds().await), (0, vec!["grant".to_owned()]));
    assert_eq!(PASSWORD, "correct horse battery", "as the table writes it");
}
