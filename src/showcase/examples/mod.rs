//! The examples: one function per entry of the gallery. Its knobs come first, then the code to paste.

mod actions;
mod choices;
mod facts;
mod feedback;
mod lists;
mod marks;
mod navigation;
mod overlays;
mod texts;

use super::knobs::{Demo, Knobs};

/// A section of the gallery.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The heading; its anchor is [`Entry::anchor`].
    pub name: &'static str,
    /// The file of `src/ui/` that it is about.
    pub file: &'static str,
    /// The function that makes its example, in one of the files beside this one.
    pub function: &'static str,
    /// Its knobs and its view.
    pub example: fn(&mut Knobs) -> Demo,
}

/// Entries that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The heading.
    pub name: &'static str,
    /// What is in it.
    pub entries: &'static [Entry],
}

impl Entry {
    /// Where the page has it.
    #[must_use]
    pub fn anchor(&self) -> String {
        self.file.replace('_', "-")
    }

    /// Whether its name has `wanted` in it, which is in small letters.
    #[must_use]
    pub fn has(&self, wanted: &str) -> bool {
        self.name.to_lowercase().contains(wanted)
    }
}

impl Group {
    /// Whether one of its entries has `wanted` in its name.
    #[must_use]
    pub fn has(&self, wanted: &str) -> bool {
        self.entries.iter().any(|entry| entry.has(wanted))
    }
}

macro_rules! entries {
    ($($name:literal $file:ident = $module:ident::$function:ident),+ $(,)?) => {
        &[$(Entry {
            name: $name,
            file: stringify!($file),
            function: stringify!($function),
            example: $module::$function,
        }),+]
    };
}

/// The whole page, in its order.
pub const GROUPS: &[Group] = &[
    Group {
        name: "Actions",
        entries: entries![
            "Button" button = actions::button,
            "Icon button" icon_button = actions::icon_button,
            "Copy button" copy_button = actions::copy_button,
            "Key" kbd = actions::kbd,
        ],
    },
    Group {
        name: "Forms",
        entries: entries![
            "Field" field = texts::field,
            "Text area" text_area = texts::text_area,
            "Combobox" combobox = texts::combobox,
            "Select" select = choices::select,
            "Radio group" radio_group = choices::radio_group,
            "Checkbox" checkbox = choices::checkbox,
            "Switch" switch = choices::switch,
            "Slider" slider = choices::slider,
        ],
    },
    Group {
        name: "Overlays",
        entries: entries![
            "Dialog" dialog = overlays::dialog,
            "Drawer" drawer = overlays::drawer,
            "Menu" menu = overlays::menu,
            "Popover" popover = overlays::popover,
            "Tooltip" tooltip = overlays::tooltip,
        ],
    },
    Group {
        name: "Feedback",
        entries: entries![
            "Alert" alert = feedback::alert,
            "Toast" toast = feedback::toast,
            "Progress" progress = feedback::progress,
            "Skeleton" skeleton = feedback::skeleton,
            "Empty state" empty_state = feedback::empty_state,
        ],
    },
    Group {
        name: "Data",
        entries: entries![
            "Table" table = lists::table,
            "Code block" code_block = lists::code_block,
            "Card" card = lists::card,
            "Badge" badge = facts::badge,
            "Avatar" avatar = facts::avatar,
            "Number" number = facts::number,
            "Timestamp" timestamp = facts::timestamp,
        ],
    },
    Group {
        name: "Navigation",
        entries: entries![
            "Tabs" tabs = navigation::tabs,
            "Breadcrumbs" breadcrumbs = navigation::breadcrumbs,
            "Pagination" pagination = navigation::pagination,
            "Theme switch" theme = navigation::theme_switch,
            "Language switch" language_switch = navigation::language_switch,
        ],
    },
    Group {
        name: "Marks",
        entries: entries![
            "Icon" icon = marks::icon,
            "Logo" logo = marks::logo,
        ],
    },
];
