//! The button, and the link that looks like one.

use leptos::either::Either;
use leptos::prelude::*;

/// How much weight a button has on its page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonVariant {
    /// The one thing to do here.
    Primary,
    /// Anything else.
    #[default]
    Secondary,
    /// Quiet: among texts and in lists.
    Ghost,
    /// Cannot be undone.
    Danger,
}

impl ButtonVariant {
    /// The utilities of this variant.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Primary => "border-transparent bg-accent text-on-accent hover:bg-accent-strong",
            Self::Secondary => "border-line-strong bg-surface text-ink hover:bg-sunken",
            Self::Ghost => "border-transparent text-ink-soft hover:bg-sunken hover:text-ink",
            Self::Danger => "border-transparent bg-danger text-on-danger hover:bg-danger-strong",
        }
    }
}

/// How large a button is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonSize {
    /// 32 px high.
    Small,
    /// 40 px high.
    #[default]
    Medium,
    /// 48 px high.
    Large,
}

impl ButtonSize {
    /// The utilities of this size.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Small => "h-8 gap-1.5 px-3 text-sm",
            Self::Medium => "h-10 gap-2 px-4 text-sm",
            Self::Large => "h-12 gap-2 px-5",
        }
    }
}

const BASE: &str = "inline-flex items-center justify-center rounded-md border font-medium whitespace-nowrap \
    transition-colors disabled:cursor-not-allowed disabled:opacity-50";

/// A `<button>`, or an `<a>` when `href` is set. Events and further attributes are given to it as to an element:
/// `<Button on:click=… attr:popovertarget="…">`.
#[component]
pub fn Button<C: IntoView + 'static>(
    /// How much weight it has.
    #[prop(optional)]
    variant: ButtonVariant,
    /// How large it is.
    #[prop(optional)]
    size: ButtonSize,
    /// Where the link goes; without it this is a `<button>`.
    #[prop(optional, into)]
    href: Option<String>,
    /// The link leaves what the router in the browser knows, such as the landing page.
    #[prop(optional)]
    external: bool,
    /// `button`, `submit` or `reset`.
    #[prop(default = "button")]
    kind: &'static str,
    /// Further utilities, for its place in the layout.
    #[prop(optional)]
    class: &'static str,
    /// It cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Its label.
    children: TypedChildren<C>,
) -> impl IntoView {
    let class = format!("{BASE} {} {} {class}", variant.class(), size.class());
    match href {
        Some(href) => Either::Left(view! {
            <a class=class href=href rel=external.then_some("external")>
                {children.into_inner()()}
            </a>
        }),
        None => Either::Right(view! {
            <button class=class type=kind disabled=disabled>
                {children.into_inner()()}
            </button>
        }),
    }
}
