//! The image as large as the window lets it be, or pixel by pixel: a press zooms, dragging moves, a swipe goes on.

use leptos::{ev, html, prelude::*};

use crate::i18n::{Text, t};
use crate::images::Image;

/// Fewer pixels are a press with an unsteady hand.
const STEADY: i32 = 6;
/// So many pixels to the side are a swipe.
const SWIPE: i32 = 48;

/// Where there is nothing to aim at.
const MIDDLE: (f64, f64) = (0.5, 0.5);

/// The image, with its thumbnail until it has loaded.
#[component]
pub fn Stage(
    /// The image.
    image: Image,
    /// It is shown pixel by pixel.
    zoomed: RwSignal<bool>,
    /// Is told of a swipe: whether it was to the left, to what is older.
    on_swipe: Callback<bool>,
) -> impl IntoView {
    let pane = NodeRef::<html::Div>::new();
    // Where the pointer went down, and how far the pane was scrolled then.
    let start = RwSignal::new(None::<(i32, i32, i32, i32)>);
    let has_moved = StoredValue::new(false);
    // What is in sight once it is zoomed, as parts of its width and height.
    let aim = StoredValue::new(MIDDLE);
    let down = move |event: ev::PointerEvent| {
        has_moved.set_value(false);
        if let Some(pane) = pane.get_untracked().filter(|_| event.is_primary() && event.button() == 0) {
            start.set(Some((event.client_x(), event.client_y(), pane.scroll_left(), pane.scroll_top())));
        }
    };
    let drag = move |event: ev::PointerEvent| {
        let (Some((x, y, left, top)), Some(pane)) = (start.get_untracked(), pane.get_untracked()) else { return };
        let (right, below) = (event.client_x() - x, event.client_y() - y);
        if right.abs().max(below.abs()) > STEADY {
            has_moved.set_value(true);
        }
        // Fingers scroll by themselves.
        if zoomed.get_untracked() && event.pointer_type() == "mouse" {
            pane.set_scroll_left(left - right);
            pane.set_scroll_top(top - below);
        }
    };
    let up = move |event: ev::PointerEvent| {
        let Some((x, y, ..)) = start.get_untracked() else { return };
        start.set(None);
        let (right, below) = (event.client_x() - x, event.client_y() - y);
        if !zoomed.get_untracked() && event.pointer_type() == "touch" && right.abs() > SWIPE.max(2 * below.abs()) {
            on_swipe.run(right < 0);
        }
    };
    let press = move |event: ev::MouseEvent| {
        if has_moved.get_value() {
            return;
        }
        // A press with a key has no place.
        if let Some(pane) = pane.get_untracked().filter(|_| event.detail() > 0) {
            let bounds = pane.get_bounding_client_rect();
            let (x, y) = (f64::from(event.client_x()) - bounds.left(), f64::from(event.client_y()) - bounds.top());
            aim.set_value(((x / bounds.width()).clamp(0.0, 1.0), (y / bounds.height()).clamp(0.0, 1.0)));
        }
        zoomed.update(|zoomed| *zoomed = !*zoomed);
    };
    // However it came to it, by a press or by a key of the page.
    Effect::new(move |_| {
        if let (true, Some(pane)) = (zoomed.get(), pane.get_untracked()) {
            let (x, y) = aim.get_value();
            aim.set_value(MIDDLE);
            // Once it is as large as it gets.
            request_animation_frame(move || {
                pane.set_scroll_left(scaled(pane.scroll_width() - pane.client_width(), x));
                pane.set_scroll_top(scaled(pane.scroll_height() - pane.client_height(), y));
            });
        }
    });
    let pressed = move || zoomed.get().to_string();
    view! {
        <div
            node_ref=pane
            class="group absolute inset-0 touch-pan-y overflow-hidden outline-none data-zoomed:touch-auto data-zoomed:overflow-auto"
            data-zoomed=move || zoomed.get().then_some("")
            on:pointerdown=down
            on:pointermove=drag
            on:pointerup=up
            on:pointercancel=move |_| start.set(None)
            on:pointerleave=move |_| start.set(None)
        >
            <button
                type="button"
                class="absolute inset-0 flex size-full cursor-zoom-in focus-visible:-outline-offset-2 group-data-zoomed:static \
                       group-data-zoomed:h-max group-data-zoomed:min-h-full group-data-zoomed:w-max group-data-zoomed:min-w-full \
                       group-data-zoomed:cursor-grab group-data-zoomed:items-center group-data-zoomed:justify-center"
                aria-label=t(Text::ZoomImage)
                title=t(Text::ZoomImage)
                aria-pressed=pressed
                on:click=press
            >
                <img
                    class="absolute inset-0 size-full object-contain group-data-zoomed:hidden"
                    src=image.thumbnail_url
                    alt=""
                />
                <img
                    class="absolute inset-0 size-full object-contain group-data-zoomed:static group-data-zoomed:size-auto \
                           group-data-zoomed:max-w-none"
                    src=image.image_url
                    alt=image.prompt
                    width=image.width.to_string()
                    height=image.height.to_string()
                    draggable="false"
                />
            </button>
        </div>
    }
}

fn scaled(most: i32, part: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and an i32")]
    let scaled = (f64::from(most) * part) as i32;
    scaled
}
