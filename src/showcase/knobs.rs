//! What a live example can be changed by, and the example itself.

use leptos::prelude::*;

use crate::ui::Eager;

/// One of the two halves that an example is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Light,
    Dark,
}

impl Pane {
    /// What `data-theme` says.
    pub const fn theme(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Its caption.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// An id that is the pane's own. The code to paste has only the id.
macro_rules! id {
    ($pane:ident, $id:literal) => {
        match $pane {
            $crate::showcase::knobs::Pane::Light => concat!("light-", $id),
            $crate::showcase::knobs::Pane::Dark => concat!("dark-", $id),
        }
    };
}

/// A name of a landmark, of which no two may have the same. The code to paste has only the name.
macro_rules! name {
    ($pane:ident, $name:literal) => {
        match $pane {
            $crate::showcase::knobs::Pane::Light => concat!($name, ", light"),
            $crate::showcase::knobs::Pane::Dark => concat!($name, ", dark"),
        }
    };
}

/// Variants of an enum, each with its code.
macro_rules! variants {
    ($kind:ident: $($variant:ident),+) => {
        &[$((concat!(stringify!($kind), "::", stringify!($variant)), $kind::$variant)),+]
    };
}

pub(super) use {id, name, variants};

/// A live example: made anew whenever a knob is turned.
pub struct Demo {
    make: Box<dyn Fn(Pane) -> AnyView + Send + Sync>,
    /// Where it is shown.
    pub panes: &'static [Pane],
}

impl Demo {
    /// What makes the example. The body of the closure is the code to paste.
    pub fn new<V: IntoView + 'static>(make: impl Fn(Pane) -> V + Send + Sync + 'static) -> Self {
        Self { make: Box::new(move |pane| Eager(make(pane)).into_any()), panes: &[Pane::Light, Pane::Dark] }
    }

    /// The same for a landmark whose name is fixed: a page must not have it twice.
    pub fn once<V: IntoView + 'static>(make: impl Fn(Pane) -> V + Send + Sync + 'static) -> Self {
        Self { panes: &[Pane::Light], ..Self::new(make) }
    }

    /// Its view in a pane.
    pub fn show(&self, pane: Pane) -> AnyView {
        (self.make)(pane)
    }
}

/// A knob, as its control and the code see it.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// What it is called: the name of a variable of the example.
    pub name: &'static str,
    /// What can be chosen.
    pub control: Control,
}

/// How a knob is turned.
#[derive(Debug, Clone, Copy)]
pub enum Control {
    /// A text.
    Text(RwSignal<String>),
    /// On or off.
    Flag(RwSignal<bool>),
    /// One of several: their code, and the place of the chosen one.
    Choice(StoredValue<Vec<&'static str>>, RwSignal<usize>),
}

impl Control {
    /// The chosen value as code; `None` if the knob is off.
    pub fn code(self) -> Option<String> {
        match self {
            // By hand, as `{:?}` writes nothing in the small build.
            Self::Text(text) => Some(format!("\"{}\"", text.read().replace('\\', "\\\\").replace('"', "\\\""))),
            Self::Flag(on) => on.get().then(String::new),
            Self::Choice(codes, at) => Some(codes.read_value().get(at.get()).copied().unwrap_or_default().to_owned()),
        }
    }
}

/// The knobs of an example, in their order.
#[derive(Debug, Default)]
pub struct Knobs(pub Vec<Knob>);

impl Knobs {
    /// A text that can be changed.
    pub fn text(&mut self, name: &'static str, value: &str) -> TextKnob {
        let text = RwSignal::new(value.to_owned());
        self.0.push(Knob { name, control: Control::Text(text) });
        TextKnob(text)
    }

    /// Something that is on or off.
    pub fn flag(&mut self, name: &'static str, value: bool) -> FlagKnob {
        let on = RwSignal::new(value);
        self.0.push(Knob { name, control: Control::Flag(on) });
        FlagKnob(on)
    }

    /// One of several values, each with its code; the first is chosen.
    pub fn choice<T: Copy>(&mut self, name: &'static str, all: &'static [(&'static str, T)]) -> ChoiceKnob<T> {
        let at = RwSignal::new(0);
        let codes = StoredValue::new(all.iter().map(|(code, _)| *code).collect());
        self.0.push(Knob { name, control: Control::Choice(codes, at) });
        ChoiceKnob { all, at }
    }
}

/// See [`Knobs::text`].
#[derive(Debug, Clone, Copy)]
pub struct TextKnob(RwSignal<String>);

impl TextKnob {
    /// The text.
    pub fn get(self) -> String {
        self.0.get()
    }
}

/// See [`Knobs::flag`].
#[derive(Debug, Clone, Copy)]
pub struct FlagKnob(RwSignal<bool>);

impl FlagKnob {
    /// Whether it is on.
    pub fn get(self) -> bool {
        self.0.get()
    }

    /// `value` while it is on.
    pub fn some<T>(self, value: T) -> Option<T> {
        self.0.get().then_some(value)
    }
}

/// See [`Knobs::choice`].
#[derive(Debug, Clone, Copy)]
pub struct ChoiceKnob<T: 'static> {
    all: &'static [(&'static str, T)],
    at: RwSignal<usize>,
}

impl<T: Copy> ChoiceKnob<T> {
    /// The chosen value.
    pub fn get(self) -> T {
        let at = self.at.get();
        // The control offers nothing else.
        self.all[at.min(self.all.len() - 1)].1
    }
}
