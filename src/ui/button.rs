//! The button, and the link that looks like one.

use leptos::either::Either;
use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::{Icon, IconName};

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

/// A `<button>`, or an `<a>` when `href` is set. It has no type parameters, so that all buttons of a page share their code.
#[component]
pub fn Button(
    /// What it says.
    #[prop(into)]
    label: String,
    /// What it shows before that.
    #[prop(optional)]
    icon: Option<IconName>,
    /// How much weight it has.
    #[prop(optional)]
    variant: ButtonVariant,
    /// How large it is.
    #[prop(optional)]
    size: ButtonSize,
    /// Where the link goes; without it this is a `<button>`.
    #[prop(optional, into)]
    href: Option<String>,
    /// `button`, `submit` or `reset`.
    #[prop(default = "button")]
    kind: &'static str,
    /// Further utilities, for its place in the layout.
    #[prop(optional)]
    class: &'static str,
    /// It cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// It is not there now.
    #[prop(optional, into)]
    hidden: Signal<bool>,
    /// What a press does; a link needs none.
    #[prop(optional, into)]
    on_click: Option<Callback<MouseEvent>>,
) -> impl IntoView {
    let class = format!("{BASE} {} {} {class}", variant.class(), size.class());
    let content = view! {
        {icon.map(|icon| view! { <Icon name=icon /> })}
        {label}
    };
    match href {
        Some(href) => Either::Left(view! { <a class=class href=href>{content}</a> }),
        None => Either::Right(view! {
            <button class=class type=kind disabled=disabled hidden=hidden on:click=move |event| press(on_click, event)>
                {content}
            </button>
        }),
    }
}

/// Does what a press on a button is for.
pub(super) fn press(on_click: Option<Callback<MouseEvent>>, event: MouseEvent) {
    if let Some(on_click) = on_click {
        on_click.run(event);
    }
}
