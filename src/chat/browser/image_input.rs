//! Images for the next question: picked, pasted or dropped, shown above the composer, and taken away again. Only where
//! somebody sees them; the composer loads it with what sends them.

use leptos::ev::Event;
use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ClipboardEvent, DragEvent, File, FileList, FileReader, HtmlElement, HtmlInputElement};

use super::components::composer::composer_field;
use super::shrink;
use super::thread::Thread;
use crate::i18n::{Text, fill, t};
use crate::platform::browser::api::Failure;
use crate::platform::image_type::ImageType;
use crate::ui::{IconButton, IconName};

/// As many as the server takes with one message, and of that size.
const MOST: usize = 4;
const LARGEST: f64 = 4.0 * 1024.0 * 1024.0;
/// A data URL of that size: Base64 makes four bytes of three.
const LONGEST_URL: usize = 4 * 1024 * 1024 / 3 * 4;

/// Makes the composer take what is pasted and dropped, once.
pub(super) fn prepare(thread: Thread) {
    let Some(form) = composer_field().and_then(|field| field.form()) else { return };
    if !thread.workspace.facts.read_value().sees_images || form.has_attribute("data-takes-images") {
        return;
    }
    // Neither fails: the name is valid, and so are those of the events.
    drop(form.set_attribute("data-takes-images", ""));
    let callback = Closure::<dyn FnMut(Event)>::new(move |event: Event| take(thread, &event)).into_js_value();
    for kind in ["change", "paste", "dragover", "drop"] {
        drop(form.add_event_listener_with_callback(kind, callback.unchecked_ref()));
    }
    if let Some(list) = form.query_selector("[data-images]").ok().flatten() {
        mount_to(list.unchecked_into::<HtmlElement>(), move || view! { <Previews thread /> }).forget();
    }
    // Picked before anybody listened.
    if let Some(input) = form.query_selector("input[type=file]").ok().flatten() {
        take_picked(thread, &input.unchecked_into());
    }
}

fn take(thread: Thread, event: &Event) {
    let files = match &*event.type_() {
        "change" => {
            let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            if let Some(input) = input.filter(|input| input.type_() == "file") {
                take_picked(thread, &input);
            }
            return;
        }
        "paste" => event.unchecked_ref::<ClipboardEvent>().clipboard_data(),
        _ => event.unchecked_ref::<DragEvent>().data_transfer(),
    };
    let Some(data) = files else { return };
    let has_files = data.types().includes(&JsValue::from_str("Files"), 0);
    // Office programs put a picture of a text beside it.
    let has_text = &*event.type_() == "paste" && data.get_data("text/plain").is_ok_and(|text| !text.is_empty());
    if has_files && !has_text {
        // Else the browser would show the file in the place of the page.
        event.prevent_default();
        if let Some(files) = data.files() {
            add(thread, &files);
        }
    }
}

fn take_picked(thread: Thread, input: &HtmlInputElement) {
    if let Some(files) = input.files() {
        add(thread, &files);
    }
    // The same file may be picked again.
    input.set_value("");
}

fn add(thread: Thread, files: &FileList) {
    for file in (0..files.length()).filter_map(|index| files.get(index)) {
        thread.reading.update_value(|reading| *reading += 1);
        spawn_local(async move {
            if !take_file(thread, file).await {
                thread.unread.try_update_value(|unread| *unread += 1);
            }
            thread.reading.try_update_value(|reading| *reading -= 1);
        });
    }
}

/// Keeps a file as a data URL, made smaller if it is a photo as phones take them. Says whether it could.
async fn take_file(thread: Thread, file: File) -> bool {
    let is_known = ImageType::parse(&file.type_()).is_some();
    let url = if is_known && file.size() <= LARGEST {
        read(file).await
    } else {
        let smaller = shrink::to_jpeg(&file).await.filter(|url| url.len() <= LONGEST_URL);
        let Some(url) = smaller else {
            let text = if is_known { Text::ImageTooLarge } else { Text::OnlyTheseImages };
            thread.fail(Failure::of_text(text));
            return false;
        };
        Some(url)
    };
    let failure = match (url, thread.images.try_get_untracked()) {
        (_, None) => return false,
        (Some(url), Some(images)) if images.len() < MOST => {
            thread.images.update(|images| images.push(url));
            return true;
        }
        (Some(_), Some(_)) => Text::TooManyImages,
        (None, Some(_)) => Text::ImageUnreadable,
    };
    thread.fail(Failure::of_text(failure));
    false
}

/// A file as a data URL.
async fn read(file: File) -> Option<String> {
    let reader = FileReader::new().ok()?;
    let loaded = js_sys::Promise::new(&mut |resolve, _| {
        reader.set_onloadend(Some(&resolve));
        // It fails only for a reader that is busy.
        drop(reader.read_as_data_url(&file));
    });
    drop(JsFuture::from(loaded).await);
    reader.result().ok().and_then(|result| result.as_string())
}

/// The images that go with the next question, each with a button to take it away.
#[component]
fn Previews(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let images = thread.images;
    let preview = move |(index, url): (usize, String)| {
        let remove = move |_| {
            images.update(|images| drop(images.remove(index)));
        };
        view! {
            <li class="relative">
                <img
                    src=url
                    alt=fill(Text::ImageNumber, &[("number", &(index + 1).to_string())])
                    width="64"
                    height="64"
                    class="size-16 rounded-md border border-line object-cover"
                />
                <IconButton
                    icon=IconName::Close
                    label=fill(Text::RemoveImage, &[("number", &(index + 1).to_string())])
                    class="absolute -top-2 -right-2 size-6 border border-line bg-surface"
                    on_click=remove
                />
            </li>
        }
    };
    view! {
        <ul
            class="flex flex-wrap gap-3 px-2 pt-2 pb-1"
            aria-label=t(Text::Images)
            hidden=Signal::derive(move || images.read().is_empty())
        >
            {move || images.get().into_iter().enumerate().map(preview).collect::<Vec<_>>()}
        </ul>
    }
}
