//! What `server_fn` needs of the crate `wasm-streams`: a browser's stream as a Rust stream, and the other way round.
//!
//! The original hands its sources and sinks to JavaScript as exported classes. Exports are never removed, so every page
//! carries them, whether a server function streams or not: 7 KB (brotli) of each first load. Here closures do the same,
//! and what nobody calls is not in the WASM. It can go once `server_fn` no longer depends on streams
//! (see `[patch.crates-io]` in the Cargo.toml of Tessera).

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::stream::{self, Stream, StreamExt};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};
use web_sys::ReadableStreamDefaultReader;

type Chunks = Pin<Box<dyn Stream<Item = Result<JsValue, JsValue>>>>;

/// A [`web_sys::ReadableStream`], to be turned into a Rust stream or made from one.
#[derive(Debug)]
pub struct ReadableStream(web_sys::ReadableStream);

impl ReadableStream {
    /// A stream that the browser gave.
    #[must_use]
    pub fn from_raw(raw: web_sys::ReadableStream) -> Self {
        Self(raw)
    }

    /// The stream as the browser knows it.
    #[must_use]
    pub fn into_raw(self) -> web_sys::ReadableStream {
        self.0
    }

    /// A stream for the browser: each chunk is fetched when it asks for one, an error ends it.
    ///
    /// # Panics
    /// Where the browser has no `ReadableStream`.
    pub fn from_stream(chunks: impl Stream<Item = Result<JsValue, JsValue>> + 'static) -> Self {
        let chunks: Rc<RefCell<Option<Chunks>>> = Rc::new(RefCell::new(Some(Box::pin(chunks))));
        let pull = {
            let chunks = chunks.clone();
            Closure::<dyn FnMut(JsValue) -> Promise>::new(move |controller: JsValue| {
                let chunks = chunks.clone();
                future_to_promise(async move { pull(&chunks, &controller).await })
            })
        };
        let cancel = Closure::<dyn FnMut()>::new(move || drop(chunks.borrow_mut().take()));
        let source = Object::new();
        for (name, function) in [("pull", pull.into_js_value()), ("cancel", cancel.into_js_value())] {
            // It is our own plain object.
            drop(Reflect::set(&source, &name.into(), &function));
        }
        Self(web_sys::ReadableStream::new_with_underlying_source(&source).expect("ReadableStream"))
    }

    /// The chunks as they come; the first error is the last.
    ///
    /// # Panics
    /// If somebody else reads it already.
    #[must_use]
    pub fn into_stream(self) -> impl Stream<Item = Result<JsValue, JsValue>> {
        let reader: ReadableStreamDefaultReader = self.0.get_reader().unchecked_into();
        stream::unfold(Some(Reader(reader)), |reader| async {
            let reader = reader?;
            match JsFuture::from(reader.0.read()).await {
                Ok(read) if field(&read, "done").is_truthy() => None,
                Ok(read) => Some((Ok(field(&read, "value")), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// Dropped before the end, it tells the source that nobody reads any more.
struct Reader(ReadableStreamDefaultReader);

impl Drop for Reader {
    fn drop(&mut self) {
        let cancelled = JsFuture::from(self.0.cancel());
        // A stream that has ended ignores it; a failure concerns nobody.
        spawn_local(async { drop(cancelled.await) });
    }
}

async fn pull(chunks: &RefCell<Option<Chunks>>, controller: &JsValue) -> Result<JsValue, JsValue> {
    // The browser pulls one at a time, so nobody else takes it meanwhile.
    let Some(mut source) = chunks.borrow_mut().take() else { return Ok(JsValue::UNDEFINED) };
    match source.next().await {
        Some(Ok(chunk)) => {
            call(controller, "enqueue", &chunk)?;
            *chunks.borrow_mut() = Some(source);
            Ok(JsValue::UNDEFINED)
        }
        Some(Err(error)) => Err(error),
        None => call(controller, "close", &JsValue::UNDEFINED),
    }
}

fn call(controller: &JsValue, method: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    field(controller, method).unchecked_into::<Function>().call1(controller, argument)
}

fn field(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
