//! The HTML documents that the server sends: around the app, which hydrates, and around static pages, which have no
//! script at all.

mod announcement;
pub mod app_page;
mod assets;
pub mod csp;
mod error_page;
mod head;
pub mod response;
mod shell;
mod site_footer;
mod site_header;
mod static_page;

pub use announcement::{announcement, announcement_html};
pub use assets::Assets;
pub use error_page::ErrorPage;
pub use shell::{gallery_shell, shell};
pub use static_page::{StaticPage, render_static_page};
