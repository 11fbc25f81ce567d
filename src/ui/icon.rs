//! Line icons on a 24 px grid, drawn for Tessera. Only those that a page uses.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IconName {
    ArrowDown,
    ArrowUp,
    Book,
    Branch,
    Check,
    ChevronDown,
    Close,
    Coins,
    Copy,
    Ellipsis,
    Globe,
    Heart,
    Home,
    Key,
    Keyboard,
    Menu,
    Message,
    Monitor,
    Moon,
    Pencil,
    Picture,
    Pin,
    Plus,
    Retry,
    Search,
    Sidebar,
    SignOut,
    Stop,
    Sun,
    Tiles,
    Trash,
    Warning,
}

impl IconName {
    /// The strokes, as SVG path data.
    const fn path(self) -> &'static str {
        match self {
            Self::ArrowDown => "M12 5v14M6 13l6 6 6-6",
            Self::ArrowUp => "M12 19V5M6 11l6-6 6 6",
            Self::Book => "M5 4h14v16H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12",
            Self::Branch => "M6 4v16M6 16c8 0 12-3 12-10M14 9l4-4 4 4",
            Self::Check => "M5 12.5l5 5 9-11",
            Self::ChevronDown => "M6 9l6 6 6-6",
            Self::Close => "M6 6l12 12M18 6L6 18",
            Self::Coins => "M15 9a6 6 0 1 1-12 0 6 6 0 0 1 12 0zM17.5 9.5a6 6 0 1 1-8 8",
            Self::Copy => "M9 9h11v11H9zM15 9V4H4v11h5",
            Self::Ellipsis => "M5 12h.01M12 12h.01M19 12h.01",
            Self::Globe => {
                "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0zM3 12h18M12 3c3 3 3.5 6 3.5 9s-.5 6-3.5 9c-3-3-3.5-6-3.5-9s.5-6 3.5-9z"
            }
            Self::Heart => "M12 20l-7.5-7.5a4.6 4.6 0 0 1 7.5-6 4.6 4.6 0 0 1 7.5 6z",
            Self::Home => "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
            Self::Key => "M11 13L20 4M16 8l3 3M13 15.5a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0z",
            Self::Keyboard => "M3 6h18v12H3zM7 10h.01M12 10h.01M17 10h.01M8 14h8",
            Self::Menu => "M4 6h16M4 12h16M4 18h16",
            Self::Message => "M4 5h16v12H9l-5 4z",
            Self::Monitor => "M3 4h18v12H3zM9 20h6M12 16v4",
            Self::Moon => "M20 14.5A8.5 8.5 0 1 1 9.5 4a6.7 6.7 0 0 0 10.5 10.5z",
            Self::Pencil => "M4 20l1-4L16 5l3 3L8 19zM13.5 7.5l3 3",
            Self::Picture => "M4 5h16v14H4zM4 16l4-4 3 3 4-5 5 6M9 9h.01",
            Self::Pin => "M9 4h6l-1 6 4 4H6l4-4zM12 14v6",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Retry => "M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5",
            Self::Search => "M17 11a6 6 0 1 1-12 0 6 6 0 0 1 12 0zM15.5 15.5L20 20",
            Self::Sidebar => "M4 5h16v14H4zM10 5v14",
            Self::SignOut => "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
            Self::Stop => "M7 7h10v10H7z",
            Self::Sun => {
                "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1\
                 M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1"
            }
            Self::Tiles => "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
            Self::Trash => "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
            Self::Warning => "M12 4L2.5 20h19zM12 10v4.5M12 17.2h.01",
        }
    }
}

/// An icon beside a text, or inside a control that has a label of its own: screen readers skip it.
#[component]
pub fn Icon(
    /// What it shows.
    name: IconName,
    /// Utilities for size and colour; 16 px and the colour of the text when absent.
    #[prop(default = "size-4")]
    class: &'static str,
) -> impl IntoView {
    view! {
        // How its strokes look is in style/repeated.css: a page has a hundred of them.
        <svg class=format!("icon {class}") viewBox="0 0 24 24" aria-hidden="true">
            <path d=name.path() />
        </svg>
    }
}
